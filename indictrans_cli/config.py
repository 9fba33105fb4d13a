"""What can be configured, as frozen dataclasses handed down, and the presets.

Where a value comes from is decided in `cli/`: defaults < recipe file < CTX_* environment variables < flags.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

from .errors import ModelError, OptionError

T = TypeVar("T")


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a Transformer (Vaswani et al. 2017), with M2M100's arithmetic (Fan et al. 2020)."""

    vocab_size: int  # pieces of the vocabulary shared by source, target and output projection
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

    def __post_init__(self) -> None:
        for name, highest in (
            ("vocab_size", 10**7), ("d_model", 2**16), ("n_heads", 2**10), ("d_ff", 2**18), ("encoder_layers", 1000),
            ("decoder_layers", 1000), ("max_length", 10**6),
        ):  # fmt: skip
            if not 1 <= getattr(self, name) <= highest:
                raise ModelError(f"{name} is {getattr(self, name)}; it must be between 1 and {highest:,}")
        if self.d_model % self.n_heads:
            raise ModelError(f"d_model {self.d_model} cannot be split into {self.n_heads} heads (n_heads)")
        if self.d_model % 2 or self.d_model < 4:
            raise ModelError(f"d_model is {self.d_model}; sinusoidal positions need an even width of at least 4")
        if not 0 <= self.dropout < 1:
            raise ModelError(f"dropout is {self.dropout}; it must be at least 0 and less than 1")
        ids = self.special_ids
        if len(set(ids)) < 4 or not all(0 <= each < self.vocab_size for each in ids):
            raise ModelError(f"pad_id, unk_id, bos_id and eos_id are {ids}; they must differ and lie in the vocabulary")

    @property
    def special_ids(self) -> tuple[int, int, int, int]:
        """pad, unk, bos, eos."""
        return self.pad_id, self.unk_id, self.bos_id, self.eos_id

    @property
    def head_dim(self) -> int:
        return self.d_model // self.n_heads

    def parameter_count(self) -> int:
        """Trained numbers, counted from the shape alone (the tests hold it against the module)."""
        d, ff = self.d_model, self.d_ff
        attention = 4 * (d * d + d)
        feed_forward = d * ff + ff + ff * d + d
        norm = 2 * d
        encoder_layer = attention + feed_forward + 2 * norm
        decoder_layer = 2 * attention + feed_forward + 3 * norm
        return (
            self.vocab_size * d + self.encoder_layers * encoder_layer + self.decoder_layers * decoder_layer + 2 * norm
        )


#: the shapes one names instead of spelling out; vocab_size comes with the tokenizer
PRESETS: dict[str, dict[str, Any]] = {
    #        width, heads, feed-forward, layers                                           about, for
    "tiny": dict(d_model=128, n_heads=4, d_ff=512, encoder_layers=2, decoder_layers=2),  # 1 M: tests, a first try
    "small": dict(d_model=256, n_heads=4, d_ff=1024, encoder_layers=6, decoder_layers=2),  # 9 M: the bundled model
    "base": dict(d_model=512, n_heads=8, d_ff=2048, encoder_layers=6, decoder_layers=6),  # 60 M: Transformer base
    "large": dict(d_model=1024, n_heads=16, d_ff=4096, encoder_layers=6, decoder_layers=6),  # 210 M: Transformer big
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
            ("seed", 0, 2**31 - 1),
        ):  # fmt: skip
            if not low <= getattr(self, name) <= high:
                raise OptionError(
                    f"--{name.replace('_', '-')} {getattr(self, name)}: must be between {low:g} and {high:g}"
                )


@dataclass(frozen=True)
class SearchConfig:
    """How a translation is searched for, by whichever engine."""

    beam_size: int = 4  # hypotheses kept at each position; 1 is greedy search
    length_penalty: float = 1.0  # 0 favours short translations; 1 compares by the average a token
    max_length: int = 256  # tokens of a translation; a longer one is cut off
    no_repeat_ngram: int = 0  # n-grams of tokens of this size may not occur twice; 0: all may

    def __post_init__(self) -> None:
        if not 1 <= self.beam_size <= 64:
            raise OptionError(f"--beam-size {self.beam_size}: must be between 1 and 64")
        if self.max_length < 1:
            raise OptionError(f"max_length {self.max_length}: must be at least 1")


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
