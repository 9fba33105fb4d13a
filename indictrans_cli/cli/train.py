"""`ctx train`: prepared data to a model directory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..config import TrainConfig
from .console import Device, Recipe, note, option, parse_duration, progress

if TYPE_CHECKING:
    from ..corpus.shards import PreparedData
    from ..model.transformer import Transformer

_DEFAULT = TrainConfig(max_steps=1)


def train(
    data: Annotated[
        str | None,
        typer.Argument(
            help="A folder that `ctx prepare` wrote, or its name in the cache. Without it the bundled sample is prepared.",
            show_default=False,
        ),
    ] = None,
    recipe: Recipe = None,
    preset: Annotated[str, option("--preset", help="Shape of the model: tiny, small, base or large.")] = "tiny",
    shape: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Change the shape: activation=swiglu, positions=rotary, d_model=384 …", show_default=False
        ),
    ] = None,
    start: Annotated[
        str,
        typer.Option("--from", help="Go on from this model (a name or a folder), in its shape.", show_default=False),
    ] = "",
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the model in the cache.", show_default="PRESET-DATA")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the model, instead of the cache.", show_default=False)
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run", help="Folder for snapshots and metrics; a run that is there goes on.", show_default=False
        ),
    ] = None,
    max_time: Annotated[
        str | None,
        option("--max-time", help="Stop after so long: 90s, 15m, 2h.", show_default="2m if nothing else ends the run"),
    ] = None,
    max_steps: Annotated[int, option("--max-steps", help="Stop after so many steps; 0: no limit.")] = 0,
    batch_tokens: Annotated[
        int, option("--batch-tokens", help="Source and target tokens of a batch.")
    ] = _DEFAULT.batch_tokens,
    accumulate: Annotated[int, option("--accumulate", help="Batches a step.")] = _DEFAULT.accumulate,
    learning_rate: Annotated[
        float, option("--learning-rate", help="What the schedule is a share of.")
    ] = _DEFAULT.learning_rate,
    warmup_steps: Annotated[
        int, option("--warmup-steps", help="Steps until the rate is highest.", show_default="1,000; tiny 150")
    ] = -1,
    schedule: Annotated[str, option("--schedule", help="cosine or inverse-sqrt.")] = _DEFAULT.schedule,
    dropout: Annotated[float, option("--dropout", help="Share of activations dropped.")] = 0.1,
    label_smoothing: Annotated[
        float, option("--label-smoothing", help="Share given to all pieces alike.")
    ] = _DEFAULT.label_smoothing,
    subword_sampling: Annotated[
        float,
        option("--subword-sampling", help="Cut sentences into other pieces each time: 0.1 finely … 0.5; 0: never."),
    ] = _DEFAULT.subword_sampling,
    z_loss: Annotated[
        float, option("--z-loss", help="Weight of a loss that keeps logits small; 0: none.")
    ] = _DEFAULT.z_loss,
    r_drop: Annotated[
        float, option("--r-drop", help="Every pair twice under different dropout, to agree: R-Drop's alpha; 0: off.")
    ] = _DEFAULT.r_drop,
    teacher: Annotated[
        str,
        typer.Option(
            "--teacher", help="Learn this model's probabilities too (a name or a folder).", show_default=False
        ),
    ] = "",
    teacher_share: Annotated[
        float, option("--teacher-share", help="How much of what is learnt is the teacher's.")
    ] = _DEFAULT.teacher_share,
    ema_decay: Annotated[
        float, option("--ema-decay", help="Decay of the averaged weights; 0: none.")
    ] = _DEFAULT.ema_decay,
    dtype: Annotated[str, option("--dtype", help="auto, float32 or bfloat16.")] = _DEFAULT.dtype,
    loss: Annotated[str, option("--loss", help="auto, chunked, plain or liger.")] = _DEFAULT.loss,
    storage: Annotated[
        str, typer.Option("--storage", help="How weights are stored: float32, bfloat16, float16 or int8.")
    ] = "float32",
    device: Device = "auto",
    valid_every: Annotated[
        str, option("--valid-every", help="Time between validations.", show_default="5m; 20s in runs of a few minutes")
    ] = "",
    snapshot_every: Annotated[str, option("--snapshot-every", help="Time between snapshots.")] = "2m",
    seed: Annotated[int, option("--seed", help="Seed of weights, order and dropout.")] = _DEFAULT.seed,
) -> None:
    """Train a translator. One command, with nothing given: two minutes on the bundled sample.

    Ctrl-C stops and keeps a snapshot; the same command goes on from there.
    """
    from ..config import preset as shape_of
    from ..device import choose_device
    from ..errors import OptionError
    from ..model_directory import OURS, STORAGE, save_model
    from ..paths import check_replaceable, ensure_dir, models_dir, runs_dir
    from ..training.card import write_card
    from ..training.report import choose_report, duration
    from ..training.trainer import Trainer

    where = choose_device(device)
    seconds = parse_duration(max_time) if max_time else (0.0 if max_steps else 120.0)
    prepared = open_prepared(data)
    config = TrainConfig(
        batch_tokens=batch_tokens,
        accumulate=accumulate,
        max_steps=max_steps,
        max_time=seconds,
        learning_rate=learning_rate,
        warmup_steps=warmup_steps if warmup_steps >= 0 else (150 if preset == "tiny" else 1000),
        schedule=schedule,
        label_smoothing=label_smoothing,
        subword_sampling=subword_sampling,
        z_loss=z_loss,
        r_drop=r_drop,
        teacher_share=teacher_share,
        ema_decay=ema_decay,
        dtype=dtype,
        loss=loss,
        seed=seed,
        valid_every=parse_duration(valid_every) if valid_every else (20.0 if 0 < seconds <= 600 else 300.0),
        snapshot_every=parse_duration(snapshot_every),
    )
    tokenizer = prepared.tokenizer
    label = name or "-".join([Path(start).name if start else preset, prepared.folder.resolve().name])
    target, run_folder = out or models_dir() / label, run or runs_dir() / label
    if storage not in STORAGE:
        raise OptionError(f"--storage {storage}: use {', '.join(STORAGE)}")
    if not 0 <= dropout < 1:
        raise OptionError(f"--dropout {dropout}: must be at least 0 and less than 1")
    check_replaceable(target, OURS)
    ensure_dir(target.parent)
    if target.resolve() in (run_folder.resolve(), *run_folder.resolve().parents):
        raise OptionError(f"--run {run_folder}: lies in the folder of the model; name another place")
    model, start_hash = _load(start, prepared, dropout) if start else (None, "")
    taught_by, teacher_hash = _load(teacher, prepared, 0.0) if teacher else (None, "")
    if model and shape:
        raise OptionError("--set changes a shape, and --from keeps that of its model: give one of them")
    config_of_model = model.config if model else shape_of(
        preset, vocab_size=tokenizer.vocab_size, dropout=dropout, pad_id=tokenizer.pad_id, unk_id=tokenizer.unk_id,
        bos_id=tokenizer.bos_id, eos_id=tokenizer.eos_id, **_changes(shape or []),
    )  # fmt: skip
    trainer = Trainer(
        prepared,
        config_of_model,
        config,
        run_folder,
        where,
        choose_report(),
        model,
        start_hash,
        taught_by,
        teacher_hash,
    )
    result = trainer.train()
    if not result.finished:
        note("stopped; the same command goes on from here")
        raise typer.Exit(130)
    src_lang, tgt_lang = prepared.languages
    card = write_card(label, prepared.info, config_of_model, config, result, hardware=str(where))
    save_model(
        target,
        config_of_model,
        result.weights,
        tokenizer.model,
        card,
        src_lang=src_lang,
        tgt_lang=tgt_lang,
        storage=storage,
    )
    note(
        f"trained {result.progress.step:,} steps in {duration(result.progress.seconds)}; try it with:\n"
        f'  ctx translate --model {out or label} "How are you?"'
    )
    print(target)


def _changes(settings: list[str]) -> dict[str, Any]:
    """`--set NAME=VALUE …` as fields of ModelConfig, of the types they have there."""
    import dataclasses

    from ..config import ModelConfig
    from ..errors import OptionError

    types = {
        field.name: {"int": int, "float": float, "str": str}.get(str(field.type))
        for field in dataclasses.fields(ModelConfig)
    }
    elsewhere = ("vocab_size", "src_vocab_size", "dropout", "output_bias")  # options of their own, or the data's
    types = {name: kind for name, kind in types.items() if not name.endswith("_id") and name not in elsewhere}
    changes: dict[str, Any] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in types:
            raise OptionError(f"--set {setting}: '{name}' is no part of a shape; there are {', '.join(types)}")
        kind = types[name]
        try:
            changes[name] = {"true": True, "false": False}[value.lower()] if kind is None else kind(value)
        except (ValueError, KeyError) as error:
            raise OptionError(f"--set {setting}: '{value}' is no value for {name}") from error
    return changes


def _load(name: str, prepared: PreparedData, dropout: float) -> tuple[Transformer, str]:
    """A model to go on from or to learn from, and its content hash; its vocabulary must be that of the data."""
    from ..engines.choose import find_model
    from ..errors import DataError
    from ..model.load import load_transformer

    directory = find_model(name)
    if directory.tokenizer_path.read_bytes() != prepared.tokenizer.model:
        raise DataError(
            f"'{prepared.folder}' was prepared with another vocabulary than that of '{name}'; prepare it again with: "
            f"ctx prepare --tokenizer {directory.tokenizer_path}"
        )
    model = load_transformer(replace(directory, config=replace(directory.config, dropout=dropout)))
    return model, directory.content_hash


def open_prepared(name: str | None) -> PreparedData:
    """Prepared data by folder or by name in the cache; without one, the bundled sample, prepared if need be."""
    from ..corpus.prepare import PrepareConfig, prepare
    from ..corpus.shards import open_data
    from ..corpus.sources import Source
    from ..paths import data_dir

    if name is not None:
        folder = Path(name)
        return open_data(folder if folder.is_dir() or not (data_dir() / name).is_dir() else data_dir() / name)
    folder = data_dir() / "bundled"
    if not (folder / "data.json").is_file():
        with progress("preparing the bundled sample") as update:
            prepare([Source("bundled")], folder, PrepareConfig(), progress=update)
    return open_data(folder)
