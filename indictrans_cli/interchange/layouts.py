"""How transformers' M2M100 (NLLB too), Marian, BART and mBART say what our `ModelConfig` and weights say.

One table of names and a few switches a family; no code of theirs. What a family computes that our model does not is an
error, not an approximation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..config import ModelConfig
from ..errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..model_directory import Weights

#: model_type in config.json -> the switches that all models of the family share
FAMILIES: dict[str, dict[str, Any]] = {
    "m2m_100": dict(norm="pre", final_norm=True, positions="sinusoidal", embedding_norm=False, output_bias=False),
    "marian": dict(norm="post", final_norm=False, positions="marian", embedding_norm=False, output_bias=True),
    "bart": dict(norm="post", final_norm=False, positions="learned", embedding_norm=True, output_bias=True),
    "mbart": dict(norm="pre", final_norm=True, positions="learned", embedding_norm=True, output_bias=True),
}
ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "swish": "silu", "silu": "silu"}
UNUSED_POSITIONS = 2  # rows that BART and mBART keep before the first position's

#: our name of a part of a layer -> theirs
_PARTS = {
    "attention_norm": "self_attn_layer_norm",
    "attention.out": "self_attn.out_proj",
    "cross_attention_norm": "encoder_attn_layer_norm",
    "cross_attention.q": "encoder_attn.q_proj",
    "cross_attention.out": "encoder_attn.out_proj",
    "feed_forward_norm": "final_layer_norm",
    "feed_forward.up": "fc1",
    "feed_forward.down": "fc2",
}
#: our fused projections -> those they keep apart, in the order of our rows
_FUSED = {
    "attention.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "cross_attention.kv": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
}


def config_from(theirs: Mapping[str, Any]) -> ModelConfig:
    """The ModelConfig of a transformers config.json. ModelError where the family or a value is one we do not compute."""
    family = theirs.get("model_type")
    if family not in FAMILIES:
        raise ModelError(
            f"a model of type '{family}' cannot be read; there are {', '.join(FAMILIES)} (NLLB is an m2m_100)"
        )
    try:
        for name in ("attention_heads", "ffn_dim"):
            if theirs[f"encoder_{name}"] != theirs[f"decoder_{name}"]:
                raise ModelError(f"encoder_{name} and decoder_{name} differ; our model has one number for both")
        if theirs["activation_function"] not in ACTIVATIONS:
            raise ModelError(
                f"activation_function is '{theirs['activation_function']}'; there are {', '.join(ACTIVATIONS)}"
            )
        shared = theirs.get("share_encoder_decoder_embeddings", True)
        return ModelConfig(
            vocab_size=theirs["vocab_size"] if shared else theirs["decoder_vocab_size"],
            d_model=theirs["d_model"],
            n_heads=theirs["encoder_attention_heads"],
            d_ff=theirs["encoder_ffn_dim"],
            encoder_layers=theirs["encoder_layers"],
            decoder_layers=theirs["decoder_layers"],
            dropout=theirs.get("dropout", 0.1),
            max_length=theirs.get("max_position_embeddings", 1024),
            pad_id=theirs["pad_token_id"],
            unk_id=theirs.get("unk_token_id", 1 if family == "marian" else 3),
            bos_id=theirs["decoder_start_token_id"],
            eos_id=theirs["eos_token_id"],
            activation=ACTIVATIONS[theirs["activation_function"]],
            scale_embedding=theirs.get("scale_embedding", family == "m2m_100"),
            tied_output=theirs.get("tie_word_embeddings", True),
            src_vocab_size=0 if shared else theirs["vocab_size"],
            **FAMILIES[family],
        )
    except KeyError as error:
        raise ModelError(f"config.json has no {error}; it is not one of a {family} model") from error
    except TypeError as error:
        raise ModelError(f"config.json has a value of the wrong kind ({error})") from error


def family_of(config: ModelConfig) -> str | None:
    """The family that computes what `config` says, or None where there is none."""
    computed_by_none = config.activation == "swiglu" or config.kv_heads != config.n_heads
    for family, switches in FAMILIES.items():
        if config.src_vocab_size and family != "marian":
            continue
        if not computed_by_none and all(getattr(config, name) == value for name, value in switches.items()):
            return family
    return None


def names(config: ModelConfig) -> dict[str, tuple[str, ...]]:
    """Each of our weights -> theirs: one, or several that are ours end to end."""
    table: dict[str, tuple[str, ...]] = {}
    for ours in config.weight_shapes():
        side, _, rest = ours.partition("_")
        if "_layers." in ours:
            _, number, part = rest.split(".", 2)
            part, _, kind = part.rpartition(".")
            targets = _FUSED.get(part) or (_PARTS[part],)
            table[ours] = tuple(f"model.{side}.layers.{number}.{target}.{kind}" for target in targets)
        elif "embedding_norm" in ours:
            table[ours] = (f"model.{side}.layernorm_embedding{rest.removeprefix('embedding_norm')}",)
        elif rest.startswith("norm"):
            table[ours] = (f"model.{side}.layer_norm{rest.removeprefix('norm')}",)
        elif "positions" in ours:
            table[ours] = (f"model.{side}.embed_positions.weight",)
    table["embedding.weight"] = (
        "model.decoder.embed_tokens.weight" if config.src_vocab_size else "model.shared.weight",
    )
    if config.src_vocab_size:
        table["src_embedding.weight"] = ("model.encoder.embed_tokens.weight",)
    if not config.tied_output:
        table["output_projection.weight"] = ("lm_head.weight",)
    if config.output_bias:
        table["output_bias"] = ("final_logits_bias",)
    return table


#: where a checkpoint keeps one of several equal tensors only, it may be under another of their names
_SAME = (
    "model.shared.weight",
    "model.encoder.embed_tokens.weight",
    "model.decoder.embed_tokens.weight",
    "lm_head.weight",
)


def weights_from(theirs: Weights, config: ModelConfig) -> Weights:
    """Their weights under our names. ModelError naming one that is missing or of another shape."""
    import numpy as np

    ours: Weights = {}
    table = names(config)
    for name, shape in config.weight_shapes().items():
        sources = table[name]
        if sources == ("model.shared.weight",):
            sources = next(((each,) for each in _SAME if each in theirs), sources)
        missing = [source for source in sources if source not in theirs]
        if missing:
            raise ModelError(f"the checkpoint has no '{missing[0]}'")
        array = np.concatenate([np.asarray(theirs[source], np.float32) for source in sources])
        if name == "output_bias":
            array = array.reshape(-1)
        elif name.endswith("_positions.weight"):
            array = array[UNUSED_POSITIONS:]
        if name == "embedding.weight" and not config.src_vocab_size:
            _check_shared(theirs, array, config)
        if array.shape != shape:
            raise ModelError(f"'{sources[0]}' gives the shape {array.shape} where the config asks for {shape}")
        ours[name] = array
    return ours


def _check_shared(theirs: Weights, embedding: NDArray[np.float32], config: ModelConfig) -> None:
    """ModelError where embeddings that the config shares differ: untied, they are trained apart."""
    import numpy as np

    for name in _SAME if config.tied_output else _SAME[:-1]:
        if name in theirs and not np.array_equal(theirs[name], embedding):
            raise ModelError(f"'{name}' differs from the other embeddings of the checkpoint; our model has one for all")


def weights_to(ours: Weights, config: ModelConfig) -> Weights:
    """Our weights under their names: the inverse of `weights_from`."""
    import numpy as np

    theirs: Weights = {}
    for name, targets in names(config).items():
        array = ours[name]
        if name == "output_bias":
            array = array[None]
        elif name.endswith("_positions.weight"):
            array = np.concatenate([np.zeros((UNUSED_POSITIONS, array.shape[1]), np.float32), array])
        rows = config.kv_heads * config.head_dim
        cuts = [len(array) - rows * left for left in range(len(targets) - 1, 0, -1)]  # keys and values are last
        theirs |= dict(zip(targets, np.split(array, cuts), strict=True))
    if not config.tied_output and not config.src_vocab_size:  # then transformers ties nothing by itself
        theirs |= dict.fromkeys(_SAME[1:-1], theirs["model.shared.weight"])
    return theirs


def config_to(config: ModelConfig) -> dict[str, Any]:
    """The fields of transformers' config.json that say what `config` says. ModelError where no family computes it."""
    family = family_of(config)
    if family is None:
        raise ModelError(
            f"transformers has no model that computes what this one does (norm {config.norm}, positions "
            f"{config.positions}, activation {config.activation}, {config.kv_heads} key/value heads); export to another "
            f"format, or run it with ctx"
        )
    classes = {"m2m_100": "M2M100ForConditionalGeneration", "marian": "MarianMTModel",
               "bart": "BartForConditionalGeneration", "mbart": "MBartForConditionalGeneration"}  # fmt: skip
    shared = not config.src_vocab_size
    return {
        "architectures": [classes[family]],
        "model_type": family,
        "is_encoder_decoder": True,
        "vocab_size": config.src_pieces,
        **({} if shared else {"decoder_vocab_size": config.vocab_size, "share_encoder_decoder_embeddings": False}),
        "d_model": config.d_model,
        "activation_function": config.activation,
        "scale_embedding": config.scale_embedding,
        "encoder_layers": config.encoder_layers,
        "decoder_layers": config.decoder_layers,
        "encoder_attention_heads": config.n_heads,
        "decoder_attention_heads": config.n_heads,
        "encoder_ffn_dim": config.d_ff,
        "decoder_ffn_dim": config.d_ff,
        "encoder_layerdrop": 0.0,
        "decoder_layerdrop": 0.0,
        "dropout": config.dropout,
        "attention_dropout": 0.0,
        "activation_dropout": 0.0,
        "tie_word_embeddings": config.tied_output,
        "max_position_embeddings": config.max_length,
        "pad_token_id": config.pad_id,
        "bos_token_id": config.bos_id,
        "eos_token_id": config.eos_id,
        "unk_token_id": config.unk_id,
        "decoder_start_token_id": config.bos_id,
        "forced_eos_token_id": None,
        "forced_bos_token_id": None,
        "dtype": "float32",
    }
