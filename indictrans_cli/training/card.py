"""The model card: what a model was trained on, how, and how well it does, written beside its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..config import ModelConfig, TrainConfig
from .report import duration
from .trainer import Result


def write_card(
    name: str,
    data: dict[str, Any],
    model: ModelConfig,
    config: TrainConfig,
    result: Result,
    hardware: str,
    notes: Sequence[str] = (),
) -> str:
    """A model card in Markdown. `data` is data.json of the prepared corpus; `notes` are further paragraphs."""
    sources = [f"| {Path(each['name']).name} | {each['kept']:,} | {each['weight']:g} |" for each in data["sources"]]
    progress = result.progress
    return "\n".join(
        [
            f"# {name}",
            "",
            f"An encoder-decoder Transformer that translates `{data['source_language']}` to `{data['target_language']}`, "
            f"trained with `ctx train` {__version__}.",
            "",
            "## Shape",
            "",
            f"{model.parameter_count():,} parameters: {model.encoder_layers} encoder and {model.decoder_layers} "
            f"decoder layers, {model.d_model} wide, {model.n_heads} heads, feed-forward {model.d_ff}, "
            f"vocabulary {model.vocab_size:,}.",
            "",
            "## Data",
            "",
            "| source | pairs after cleaning | weight |",
            "|---|---|---|",
            *sources,
            "",
            f"{data['train']['pairs']:,} pairs were trained on, {data['valid']['pairs']:,} held out.",
            "",
            "## Training",
            "",
            f"{progress.step:,} steps over {progress.tokens:,} source and target tokens in {duration(progress.seconds)} on "
            f"{hardware}; AdamW, {config.schedule} schedule, highest learning rate {config.learning_rate:g}, "
            f"{config.batch_tokens * config.accumulate:,} tokens a step, label smoothing {config.label_smoothing:g}, "
            f"dropout {model.dropout:g}, moving average {config.ema_decay:g}.",
            "",
            f"Validation loss: {result.valid_loss:.3f} nats a token.",
            "",
            *[line for text in notes for line in (text, "")],
        ]
    )
