"""The steps of `ctx eval`: test sets, metrics, systems, scores; and how they are shown."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .console import note, progress, table

if TYPE_CHECKING:
    from ..corpus.testsets import TestSet
    from ..evaluation.contrastive import ContrastiveTest
    from ..evaluation.evaluate import Evaluation, System
    from ..evaluation.metrics import Metric
    from ..evaluation.report.tables import Table


def test_sets(data: str | None, named: list[str], src: Path | None, ref: Path | None) -> list[TestSet]:
    """The test sets that the options name."""
    from ..corpus.testsets import KNOWN, TestSet, open_test_set, read_files

    if named:
        tests = [open_test_set(text) for text in named]
        for each in tests:
            if each.name in KNOWN and KNOWN[each.name].checksum not in ("", each.checksum):
                note(f"the references of {each.name} are not those that this project's figures were measured on")
        return tests
    if ref is not None:
        return [read_files(src, ref)]
    from .train import open_prepared

    prepared = open_prepared(data)
    pairs = prepared.valid_text()
    label = f"the held-out part of {prepared.folder}"
    return [TestSet(label, [src for src, _ in pairs], [tgt for _, tgt in pairs], None, str(prepared.folder))]


def make_metrics(
    test: TestSet, names: list[str], tokenize: str, device: str, *, default: bool
) -> tuple[list[Metric], list[str]]:
    """The metrics asked for, and a sentence on each that nobody asked for and that is not there."""
    from ..evaluation.metrics import make_metrics, tokenizer_model_is_here

    left_out = []
    if default and tokenizer_model_is_here():
        names = [*names, "spbleu"]
    elif default:
        left_out.append("spBLEU: the model of sacreBLEU's tokenizer flores200 is not here; --metrics spbleu fetches it")
    found = make_metrics(test.references, names, tokenize=tokenize)
    if "comet" in names:
        from ..evaluation.comet import Comet

        found.append(Comet(test.sources, test.references, gpus=int(device == "cuda")))
    elif default:
        import importlib.util

        here = importlib.util.find_spec("comet") is not None
        left_out.append(
            "COMET: it is slow, and measured where --metrics names it"
            if here
            else "COMET: the package is not installed; pip install unbabel-comet, and name comet in --metrics"
        )
    return found, left_out


def model_label(text: str, several: bool) -> str:
    """What tables and the history call the model of `--model`; `several`: beside other systems."""
    from ..evaluation.systems import split_name

    name, value = split_name(text)
    return name or (Path(value).name if several and value else value) or "bundled model"


def run_system(
    text: str, test: TestSet, contrastive: list[ContrastiveTest], beam_size: int, device: str, several: bool
) -> System:
    """Translate a test set with the model of `--model`, and ask it how likely the references and contrastive tests are."""
    from dataclasses import replace

    from ..engines.choose import find_model
    from ..evaluation.systems import run_model, split_name
    from ..translator import Translator

    _, value = split_name(text)
    directory = find_model(value or None)
    with progress(f"translating {test.name}"):
        system = run_model(
            model_label(text, several),
            directory,
            lambda: Translator(value or None, device=device, beam_size=beam_size).translate,
            test,
            device=device,
            beam_size=beam_size,
        )
    try:
        import torch  # noqa: F401
    except ImportError:
        note("perplexity is left out: it needs the package 'torch'")
        return system
    from ..device import choose_device
    from ..evaluation.contrastive import contrast
    from ..evaluation.perplexity import perplexity

    with progress(f"perplexity on {test.name}"):
        where = choose_device(device)
        pairs = list(zip(test.sources or [], test.references, strict=True))
        results = contrast(directory, contrastive, where) if contrastive else None
        return replace(system, perplexity=perplexity(directory, pairs, where), contrastive=results)


def score(
    test: TestSet, systems: list[System], metrics: list[Metric], samples: int, seed: int, left_out: list[str]
) -> Evaluation:
    from ..engines.choose import find_model
    from ..evaluation.evaluate import evaluate as run

    tokenizer = find_model(None).tokenizer()  # always the same one: whether a word is unknown depends on no system
    with progress("scoring") as update:
        return run(
            test, systems, metrics, samples=samples, seed=seed, tokenizer=tokenizer, left_out=left_out, progress=update
        )


def contrastive_tests(bundled: bool, file: Path | None, models: list[str]) -> list[ContrastiveTest]:
    from ..errors import OptionError
    from ..evaluation.contrastive import bundled_tests, read_tests

    if not bundled and file is None:
        return []
    if not models:
        raise OptionError("contrastive tests ask a model for probabilities: name one with --model, beside --hyp")
    return read_tests(file or bundled_tests())


def contrast_alone(models: list[str], tests: list[ContrastiveTest], device: str, as_json: bool) -> None:
    """Contrastive tests without a test set."""
    from ..device import choose_device
    from ..engines.choose import find_model
    from ..evaluation.contrastive import contrast
    from ..evaluation.report.data import contrastive_dict
    from ..evaluation.report.tables import contrastive_table
    from ..evaluation.systems import split_name

    found = []
    for text in models:
        _, value = split_name(text)
        with progress("contrastive tests"):
            results = contrast(find_model(value or None), tests, choose_device(device))
        found.append((model_label(text, several=False), results))
    if as_json:
        systems = [{"name": name, "contrastive": contrastive_dict(results)} for name, results in found]
        print(json.dumps({"tests": len(tests), "systems": systems}, ensure_ascii=False))
        return
    draw(contrastive_table(found))


def keep_history(evaluations: list[Evaluation]) -> None:
    """Add what our models scored to the history; a cache that cannot be written is no reason to fail."""
    from ..errors import OutputError
    from ..evaluation.history import entry, record
    from ..model_directory import open_model

    entries = [
        entry(evaluation, each, open_model(Path(each.system.origin)).content_hash)
        for evaluation in evaluations
        for each in evaluation.systems
        if each.system.size is not None
    ]
    try:
        if entries:
            record(entries)
    except OutputError as error:
        note(f"the history is not kept: {error}")


def write_report(path: Path, evaluations: list[Evaluation]) -> None:
    """A page or Markdown, by the file's ending."""
    from ..evaluation.report.html import page
    from ..evaluation.report.markdown import markdown
    from ..paths import open_output

    text = page(evaluations) if path.suffix == ".html" else markdown(evaluations)
    with open_output(path) as handle:
        handle.write(text.encode(errors="backslashreplace"))  # file names need not be UTF-8
    note(f"wrote {path}")


def show(evaluations: list[Evaluation], as_json: bool) -> None:
    from ..evaluation.report import terminal
    from ..evaluation.report.data import as_dict

    if as_json:
        found: list[dict[str, Any]] = [as_dict(each) for each in evaluations]
        print(json.dumps(found[0] if len(found) == 1 else {"tests": found}, ensure_ascii=False))
        return
    for each in evaluations:
        if sys.stdout.isatty():
            terminal.show(each)
        else:
            print(terminal.plain(each, table))


def write_lines(path: Path, lines: list[str]) -> None:
    from ..paths import open_output

    with open_output(path) as handle:
        handle.write("".join(f"{line}\n" for line in lines).encode())


def draw(found: Table) -> None:
    """A table: rich's on a terminal, aligned columns in a pipe."""
    from ..evaluation.report import terminal

    if sys.stdout.isatty():
        terminal.show_table(found)
    else:
        print("\n".join(terminal.plain_table(found, table)))
