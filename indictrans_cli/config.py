"""What can be configured, as frozen dataclasses handed down, and the presets.

Where a value comes from is decided in `cli/`: defaults < recipe file < CTX_* environment variables < flags.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, TypeVar

from .errors import ModelError, OptionError

T = TypeVar("T")


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a Transformer (Vaswani et al. 2017). The defaults are M2M100's arithmetic (Fan et al. 2020).

    The switches after `max_length` are there to read other families' weights (Marian, BART, mBART) and to try what later
    models do; ModelError names a value that cannot be.
    """

    vocab_size: int  # pieces of the target's vocabulary; the source's and the output projection's too, unless told
    d_model: int = 256  # width of the residual stream
    n_heads: int = 4  # attention heads; head_dim is d_model / n_heads
    d_ff: int = 1024  # inner width of the feed-forward blocks
    encoder_layers: int = 6
    decoder_layers: int = 2  # few: decoding runs once a token, encoding once a sentence
    dropout: float = 0.1  # after embeddings, attention, and feed-forward blocks; in training only
    max_length: int = 512  # the longest sequence, in tokens, that engines are asked to handle
    pad_id: int = 0
    unk_id: int = 1
    bos_id: int = 2  # starts every target sequence
    eos_id: int = 3  # ends every source and target sequence
    norm: str = "pre"  # pre: normalise what enters a block; post: normalise the sum it leaves
    final_norm: bool = True  # a norm after the last layer of encoder and decoder
    activation: str = "relu"  # relu | gelu | silu | swiglu (silu of one projection times another; Shazeer 2020)
    positions: str = "sinusoidal"  # sinusoidal | marian (sinusoids with the paper's frequencies) | learned | rotary
    n_kv_heads: int = (
        0  # key/value heads, each shared by n_heads / n_kv_heads queries (Ainslie et al. 2023); 0: n_heads
    )
    scale_embedding: bool = True  # embeddings times sqrt(d_model)
    embedding_norm: bool = False  # a norm after embeddings and positions
    tied_output: bool = True  # the output projection is the target's embedding matrix
    output_bias: bool = False  # a constant added to the logits
    src_vocab_size: int = 0  # pieces of a vocabulary for the source alone; 0: source and target share one

    def __post_init__(self) -> None:
        for name, highest in (
            ("vocab_size", 10**7), ("d_model", 2**16), ("n_heads", 2**10), ("d_ff", 2**18), ("encoder_layers", 1000),
            ("decoder_layers", 1000), ("max_length", 10**6),
        ):  # fmt: skip
            if not 1 <= getattr(self, name) <= highest:
                raise ModelError(f"{name} is {getattr(self, name)}; it must be between 1 and {highest:,}")
        for name, allowed in (
            ("norm", ("pre", "post")), ("activation", ("relu", "gelu", "silu", "swiglu")),
            ("positions", ("sinusoidal", "marian", "learned", "rotary")),
        ):  # fmt: skip
            if getattr(self, name) not in allowed:
                raise ModelError(
                    f"{name} is '{getattr(self, name)}'; it must be {', '.join(allowed[:-1])} or {allowed[-1]}"
                )
        if self.d_model % self.n_heads:
            raise ModelError(f"d_model {self.d_model} cannot be split into {self.n_heads} heads (n_heads)")
        if self.n_kv_heads < 0 or self.n_heads % self.kv_heads:
            raise ModelError(f"n_heads {self.n_heads} cannot share {self.n_kv_heads} key/value heads (n_kv_heads)")
        if self.d_model % 2 or self.d_model < 4:
            raise ModelError(f"d_model is {self.d_model}; sinusoidal positions need an even width of at least 4")
        if self.positions == "rotary" and self.head_dim % 2:
            raise ModelError(
                f"head_dim is {self.head_dim}; rotary positions turn pairs: d_model / n_heads must be even"
            )
        if not 0 <= self.dropout < 1:
            raise ModelError(f"dropout is {self.dropout}; it must be at least 0 and less than 1")
        if not 0 <= self.src_vocab_size <= 10**7:
            raise ModelError(f"src_vocab_size is {self.src_vocab_size}; it must be 0 (shared) or a number of pieces")
        apart = {self.pad_id, self.unk_id, self.eos_id}  # some families start a target with </s> or with padding
        if len(apart) < 3 or not all(0 <= each < min(self.vocab_size, self.src_pieces) for each in self.special_ids):
            raise ModelError(
                f"pad_id, unk_id, bos_id and eos_id are {self.special_ids}; they must lie in the vocabulary, and all but "
                f"bos_id must differ"
            )

    @property
    def special_ids(self) -> tuple[int, int, int, int]:
        """pad, unk, bos, eos."""
        return self.pad_id, self.unk_id, self.bos_id, self.eos_id

    @property
    def unsayable_ids(self) -> list[int]:
        """What a translation never contains: padding, the unknown piece, and the start (unless it is </s> as well)."""
        return sorted({self.pad_id, self.unk_id, self.bos_id} - {self.eos_id})

    @property
    def head_dim(self) -> int:
        return self.d_model // self.n_heads

    @property
    def kv_heads(self) -> int:
        """Heads of keys and values."""
        return self.n_kv_heads or self.n_heads

    @property
    def src_pieces(self) -> int:
        """Pieces of the vocabulary that sources are written in."""
        return self.src_vocab_size or self.vocab_size

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The name and shape of every weight of `model.transformer.Transformer` (the tests hold one against the other)."""
        d, kv_width = self.d_model, self.kv_heads * self.head_dim
        shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (self.vocab_size, d)}

        def linear(name: str, rows: int, columns: int) -> None:
            shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (rows, columns), (rows,)

        def norm(name: str) -> None:
            shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (d,), (d,)

        if self.src_vocab_size:
            shapes["src_embedding.weight"] = (self.src_vocab_size, d)
        if not self.tied_output:
            shapes["output_projection.weight"] = (self.vocab_size, d)
        if self.output_bias:
            shapes["output_bias"] = (self.vocab_size,)
        for side, count in (("encoder", self.encoder_layers), ("decoder", self.decoder_layers)):
            if self.positions == "learned":
                shapes[f"{side}_positions.weight"] = (self.max_length, d)
            if self.embedding_norm:
                norm(f"{side}_embedding_norm")
            for number in range(count):
                layer = f"{side}_layers.{number}"
                norm(f"{layer}.attention_norm")
                linear(f"{layer}.attention.qkv", d + 2 * kv_width, d)
                linear(f"{layer}.attention.out", d, d)
                if side == "decoder":
                    norm(f"{layer}.cross_attention_norm")
                    linear(f"{layer}.cross_attention.q", d, d)
                    linear(f"{layer}.cross_attention.kv", 2 * kv_width, d)
                    linear(f"{layer}.cross_attention.out", d, d)
                norm(f"{layer}.feed_forward_norm")
                linear(f"{layer}.feed_forward.up", self.d_ff * (2 if self.activation == "swiglu" else 1), d)
                linear(f"{layer}.feed_forward.down", d, self.d_ff)
            if self.final_norm:
                norm(f"{side}_norm")
        return shapes

    def parameter_count(self) -> int:
        """Trained numbers (a constant bias of the logits is not trained)."""
        return sum(math.prod(shape) for name, shape in self.weight_shapes().items() if name != "output_bias")

    def flops(self, src_len: int, tgt_len: int) -> int:
        """Floating-point operations of a forward pass over one pair, every target position at once.

        Two a multiplied and added number: matrix products, attention and output projection; the rest is a few percent.
        A training step takes three times as many (Kaplan et al. 2020, section 2.1).
        """
        matrices = {"encoder": 0, "decoder": 0, "memory": 0}
        for name, shape in self.weight_shapes().items():
            if len(shape) == 2 and "_layers." in name:
                part = "memory" if name.endswith("cross_attention.kv.weight") else name.partition("_")[0]
                matrices[part] += math.prod(shape)
        scores = self.encoder_layers * src_len * src_len + self.decoder_layers * tgt_len * (tgt_len + src_len)
        return 2 * (
            (matrices["encoder"] + matrices["memory"]) * src_len
            + (matrices["decoder"] + self.vocab_size * self.d_model) * tgt_len
            + 2 * self.d_model * scores  # queries with keys, and weights with values
        )

    def training_bytes(self, batch_tokens: int, *, half: bool = False) -> int:
        """About how much memory a training step takes: weights, gradients, optimizer, average, and activations.

        Activations are counted as what a layer keeps for the way back; `half` is bfloat16 with float32 masters. The
        benchmark prints it beside the peak measured.
        """
        size = 2 if half else 4
        optimizer = 4 * (3 if half else 2) + 4 + size * 2  # moments and masters, the average, weights and gradients
        swiglu = 2 if self.activation == "swiglu" else 1
        encoder = 8 * self.d_model + (1 + swiglu) * self.d_ff  # numbers a token that a layer keeps
        per_token = self.encoder_layers * encoder + self.decoder_layers * (encoder + 6 * self.d_model)
        return self.parameter_count() * optimizer + batch_tokens * per_token // 2 * size + 512 * self.vocab_size * 8


#: the shapes one names instead of spelling out; vocab_size comes with the tokenizer
PRESETS: dict[str, dict[str, Any]] = {
    #        width, heads, feed-forward, layers                                           about, for
    "tiny": dict(d_model=128, n_heads=4, d_ff=512, encoder_layers=2, decoder_layers=2),  # 2 M: tests, a first try
    "small": dict(d_model=256, n_heads=4, d_ff=1024, encoder_layers=6, decoder_layers=2),  # 9 M: the bundled model
    "base": dict(d_model=512, n_heads=8, d_ff=2048, encoder_layers=6, decoder_layers=6),  # 48 M: Transformer base
    "large": dict(d_model=1024, n_heads=16, d_ff=4096, encoder_layers=6, decoder_layers=6),  # 185 M: Transformer big
}


def preset(name: str, **shape: Any) -> ModelConfig:
    """The ModelConfig of a preset, with `vocab_size`, special ids and any other field given."""
    if name not in PRESETS:
        raise OptionError(f"--preset {name}: no such preset; there are {', '.join(PRESETS)}")
    return ModelConfig(**{**PRESETS[name], **shape})


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained. Limits may be combined; the first one reached ends the run."""

    batch_tokens: int = 2560  # source and target tokens of a micro-batch, padding included
    accumulate: int = 1  # micro-batches a step
    max_steps: int = 0  # optimizer steps; 0: no limit
    max_time: float = 0.0  # seconds of training, over all resumptions; 0: no limit
    learning_rate: float = 7e-4  # what the schedule is a share of
    warmup_steps: int = 1000  # linear from 0
    schedule: str = "cosine"  # cosine | inverse-sqrt
    weight_decay: float = 0.01  # of matrices, not of norms and biases
    clip_norm: float = 1.0  # of the gradient over all parameters; 0: none
    label_smoothing: float = 0.1
    z_loss: float = 0.0  # weight of log(sum(exp(logits)))^2; 0: none; 1e-4 is usual
    r_drop: float = 0.0  # alpha of R-Drop: every pair twice under different dropout, to agree; 0: off; 5 is usual
    teacher_share: float = 0.5  # of a teacher's probabilities in what is learnt, where there is a teacher
    ema_decay: float = 0.999  # of the averaged weights that are validated and kept; 0: none
    dtype: str = "auto"  # auto | float32 | bfloat16
    loss: str = "auto"  # auto | chunked | plain | liger
    subword_sampling: float = 0.0  # alpha of Kudo 2018: sentences cut anew into pieces, the finer the smaller; 0: never
    seed: int = 1
    valid_every: float = 300.0  # seconds between validations
    snapshot_every: float = 120.0  # seconds between snapshots

    def __post_init__(self) -> None:
        if self.max_steps <= 0 and self.max_time <= 0:
            raise OptionError("a training run needs an end: --max-steps or --max-time")
        if self.schedule not in ("cosine", "inverse-sqrt"):
            raise OptionError(f"--schedule {self.schedule}: not a schedule; use cosine or inverse-sqrt")
        if self.loss not in ("auto", "chunked", "plain", "liger"):
            raise OptionError(f"--loss {self.loss}: not a loss; use auto, chunked, plain or liger")
        for name, low, high in (
            ("batch_tokens", 8, 10**9), ("accumulate", 1, 10**6), ("learning_rate", 1e-12, 10.0), ("warmup_steps", 0, 10**9),
            ("label_smoothing", 0.0, 0.99), ("ema_decay", 0.0, 0.999999), ("subword_sampling", 0.0, 10.0),
            ("z_loss", 0.0, 1.0), ("r_drop", 0.0, 100.0), ("teacher_share", 0.0, 1.0),
            ("seed", 0, 2**31 - 1),
        ):  # fmt: skip
            if not low <= getattr(self, name) <= high:
                raise OptionError(
                    f"--{name.replace('_', '-')} {getattr(self, name)}: must be between {low:g} and {high:g}"
                )


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a search may not say, however it chooses."""

    max_length: int = 256  # tokens of a translation; a longer one is cut off
    min_length: int = 0  # tokens before </s> may be said
    no_repeat_ngram: int = 0  # n-grams of tokens of this size may not occur twice; 0: all may
    repetition_penalty: float = (
        1.0  # factor on the log-probability of a token that was said already (Keskar et al. 2019)
    )
    banned: tuple[int, ...] = ()  # tokens that are never said

    def __post_init__(self) -> None:
        for name, low, high in (
            ("max_length", 1, 10**6), ("min_length", 0, 10**6), ("no_repeat_ngram", 0, 10**6),
            ("repetition_penalty", 0.01, 100.0),
        ):  # fmt: skip
            if not low <= getattr(self, name) <= high:
                raise OptionError(f"{name} {getattr(self, name)}: must be between {low:g} and {high:g}")


@dataclass(frozen=True)
class SearchConfig(Rules):
    """How the best translation is searched for, by whichever engine."""

    beam_size: int = 4  # hypotheses kept at each position; 1 is greedy search
    length_penalty: float = 1.0  # 0 favours short translations; 1 compares by the average a token
    length_norm: str = "average"  # divide by length^penalty (Marian) | gnmt: by ((5 + length) / 6)^penalty
    coverage_penalty: float = 0.0  # GNMT's beta: translations that leave source words unread score less; 0: none
    stop: str = "usual"  # when a sentence is done: usual, as transformers has it | proven: when nothing better can come

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.beam_size <= 64:
            raise OptionError(f"--beam-size {self.beam_size}: must be between 1 and 64")
        if not -100 <= self.length_penalty <= 100:
            raise OptionError(f"--length-penalty {self.length_penalty}: must be between -100 and 100")
        for name, allowed in (("length_norm", ("average", "gnmt")), ("stop", ("usual", "proven"))):
            if getattr(self, name) not in allowed:
                raise OptionError(f"{name} '{getattr(self, name)}': must be {' or '.join(allowed)}")
        if self.coverage_penalty < 0:
            raise OptionError(f"coverage_penalty {self.coverage_penalty}: must be 0 (none) or more")

    def divisor(self, length: int) -> float:
        """What the log-probability of a translation of `length` tokens, </s> included, is divided by (Wu et al. 2016)."""
        return float((length if self.length_norm == "average" else (5 + length) / 6) ** self.length_penalty)


@dataclass(frozen=True)
class SamplingConfig(Rules):
    """How translations are drawn at random. The filters apply in this order."""

    samples: int = 1  # translations a sentence
    temperature: float = 1.0  # below 1 likely tokens become likelier, above 1 all become alike
    top_k: int = 0  # only so many of the likeliest tokens (Fan et al. 2018); 0: all
    top_p: float = 1.0  # only the likeliest that together have this probability (Holtzman et al. 2020); 1: all
    min_p: float = 0.0  # only those at least so likely as this share of the likeliest (Nguyen et al. 2024); 0: all
    seed: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low, high in (
            ("samples", 1, 4096), ("temperature", 1e-3, 1e3), ("top_k", 0, 10**7), ("top_p", 1e-6, 1.0), ("min_p", 0.0, 1.0),
            ("seed", 0, 2**31 - 1),
        ):  # fmt: skip
            if not low <= getattr(self, name) <= high:
                raise OptionError(
                    f"--{name.replace('_', '-')} {getattr(self, name)}: must be between {low:g} and {high:g}"
                )


def from_dict(kind: type[T], values: dict[str, Any], where: str) -> T:
    """A dataclass from a JSON object; ModelError naming `where` for unknown, missing or mistyped fields."""
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise ModelError(f"{where}: unknown field '{unknown[0]}'; it was written by a newer version of ctx, or by hand")
    for name, value in values.items():
        expected = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}[str(fields[name].type)]
        if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
            raise ModelError(f"{where}: '{name}' is {value!r}; it should be of type {fields[name].type}")
    try:
        return kind(**values)
    except TypeError as error:
        raise ModelError(f"{where}: {error}") from error
