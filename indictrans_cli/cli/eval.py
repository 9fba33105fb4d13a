"""`ctx eval`: the scores of models, and of translations by any system, side by side."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from . import eval_steps, eval_watch
from .console import Device, option

DEFAULT_METRICS = "bleu,chrf++,chrf,ter"


def evaluate(
    data: Annotated[
        str | None,
        typer.Argument(
            help="A folder that `ctx prepare` wrote, or its name in the cache: its held-out pairs are the test set.",
            show_default="the bundled sample",
        ),
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option(
            "--test",
            "-t",
            help="A test set instead: flores200:dev, flores200:devtest, ntrex128, in22:gen, in22:conv (fetched once), "
            "FILE.en beside FILE.hi, or FILE.tsv. May be repeated.",
            show_default=False,
        ),
    ] = None,
    src: Annotated[
        Path | None, typer.Option("--src", help="A test set instead: the sentences, a line each.", show_default=False)
    ] = None,
    ref: Annotated[
        Path | None, typer.Option("--ref", help="Their reference translations, a line each.", show_default=False)
    ] = None,
    hyp: Annotated[
        list[str] | None,
        typer.Option(
            "--hyp",
            help="Score the translations in this file, as FILE or NAME=FILE. May be repeated.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="Score this model: a name in the cache or a folder, or NAME=MODEL. May be repeated. Without --hyp and "
            "--model: $CTX_MODEL, or the bundled model.",
            show_default=False,
        ),
    ] = None,
    metrics: Annotated[
        str, option("--metrics", help="Some of bleu, chrf++, chrf, ter, spbleu, comet, with commas between.")
    ] = DEFAULT_METRICS,
    tokenize: Annotated[
        str, option("--tokenize", help="BLEU's tokenizer: 13a, intl, char, none, flores101 or flores200.")
    ] = "13a",
    samples: Annotated[int, option("--samples", help="Samples of the bootstrap and of the randomisation.")] = 10_000,
    seed: Annotated[int, option("--seed", help="Seed of both.")] = 12345,
    contrastive: Annotated[
        bool,
        typer.Option(
            "--contrastive", help="Score models on the bundled contrastive tests; alone, or beside a test set."
        ),
    ] = False,
    contrastive_file: Annotated[
        Path | None,
        typer.Option(
            "--contrastive-file",
            help="The same with your own: phenomenon, English, right Hindi, wrong Hindi, with tabs between.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        list[Path] | None,
        typer.Option(
            "--report", help="Write a page (.html) or Markdown (.md) as well. May be repeated.", show_default=False
        ),
    ] = None,
    watch: Annotated[
        Path | None,
        typer.Option(
            "--watch",
            help="Score the snapshots of this training run as they are written; DATA is what it trains on.",
            show_default=False,
        ),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Show what models scored before; with --model or --test, those alone.")
    ] = False,
    beam_size: Annotated[int, option("--beam-size", help="Hypotheses kept while searching.")] = 4,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the model's translations here.", show_default=False)
    ] = None,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Score models and other systems' translations, with intervals, significance and sacreBLEU's signatures."""
    from ..errors import OptionError
    from ..evaluation.evaluate import check_names, check_systems
    from ..evaluation.metrics import TOKENIZERS, parse_names
    from ..evaluation.significance import check_samples
    from ..evaluation.systems import read_systems

    names = parse_names(metrics)
    check_samples(samples, seed)
    if tokenize not in TOKENIZERS:
        raise OptionError(f"--tokenize {tokenize}: not a tokenizer; use {', '.join(TOKENIZERS)}")
    for path in report or []:
        if path.suffix not in (".html", ".md"):
            raise OptionError(f"--report {path}: its name must end in .html or .md")
    if history:
        eval_watch.show_history(model or [], test or [], report or [], as_json)
        return
    if bool(test) + (ref is not None or src is not None) + (data is not None and watch is None) > 1:
        raise OptionError("DATA, --test, and --src with --ref are three ways to name a test set; use one")
    if (src is not None and ref is None) or (ref is not None and src is None and not hyp):
        raise OptionError("a test set is --src and --ref, or --hyp and --ref")
    if hyp and not (data or test or ref):
        raise OptionError("--hyp needs what it is the translation of: --src and --ref, --ref alone, or --test")
    if hyp and len(test or []) > 1:
        raise OptionError("--hyp is the translation of one test set; give one --test")
    if output is not None and (hyp or len(model or []) > 1 or len(test or []) > 1):
        raise OptionError("--output takes the translations of one model on one test set; --hyp does not go with it")
    default = metrics == DEFAULT_METRICS
    if watch is not None:
        if hyp or model or output or contrastive or contrastive_file or report:
            raise OptionError(
                "--watch goes with a test set, and with no --hyp, --model, --output, --contrastive, --report"
            )
        if "comet" in names:
            raise OptionError("--watch does not measure COMET; score the finished model: ctx eval --metrics comet")
        chosen = ["bleu", "chrf++"] if default else names
        settings = eval_watch.Settings(chosen, tokenize, samples, seed, beam_size, device, as_json)
        eval_watch.watch_run(
            watch, data, eval_steps.test_sets(None, test or [], src, ref) if test or ref else [], settings
        )
        return
    models = model or ([] if hyp else [os.environ.get("CTX_MODEL", "")])
    contrasts = eval_steps.contrastive_tests(contrastive, contrastive_file, models)
    if contrasts and not (data or test or ref or hyp or report):
        eval_steps.contrast_alone(models, contrasts, device, as_json)
        return
    evaluations = []
    for each in eval_steps.test_sets(data, test or [], src, ref):
        systems = read_systems(hyp or [])
        check_systems(each, systems)
        several = len(models) > 1 or bool(hyp)
        # before any model translates, which takes long
        check_names([system.name for system in systems] + [eval_steps.model_label(text, several) for text in models])
        found, left_out = eval_steps.make_metrics(each, names, tokenize, device, default=default)
        systems += [eval_steps.run_system(text, each, contrasts, beam_size, device, several) for text in models]
        check_systems(each, systems)
        if output is not None:
            eval_steps.write_lines(output, systems[-1].hypotheses)
        evaluations.append(eval_steps.score(each, systems, found, samples, seed, left_out))
    eval_steps.keep_history(evaluations)
    for path in report or []:
        eval_steps.write_report(path, evaluations)
    eval_steps.show(evaluations, as_json)
