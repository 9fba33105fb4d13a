"""Contrastive tests (Sennrich 2017): does a model find the right translation more likely than a minimally wrong one?

Each test is about one thing, such as the agreement of the verb with its subject's gender. What BLEU hardly sees is counted
by itself, without translating. The bundled tests are hand-written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..corpus.sources import read_lines
from ..errors import DataError, InputError
from ..model_directory import ModelDirectory
from ..paths import assets_dir
from ..text import normalize

if TYPE_CHECKING:
    import torch

COLUMNS = ("phenomenon", "English", "right Hindi", "wrong Hindi")


@dataclass(frozen=True)
class ContrastiveTest:
    """A source, its translation, and the same translation with one thing wrong."""

    phenomenon: str
    source: str
    right: str
    wrong: str


@dataclass(frozen=True)
class ContrastiveResult:
    """A test, and how much more likely the right translation is: nats, over the whole sentence; below 0 is a failure."""

    test: ContrastiveTest
    margin: float

    @property
    def passed(self) -> bool:
        return self.margin > 0


@dataclass(frozen=True)
class Accuracy:
    """How many tests of a phenomenon a model passes, with a 95 % Wilson interval of the share."""

    phenomenon: str
    passed: int
    tests: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.passed / self.tests


def bundled_tests() -> Path:
    """The file of the tests that come with the package."""
    return assets_dir() / "contrastive" / "en-hi.tsv"


def read_tests(path: Path) -> list[ContrastiveTest]:
    """The tests of a file without a header, four columns a line: phenomenon, English, right Hindi, minimally wrong Hindi.

    DataError naming the first line that is none, or that is there twice; InputError where the file cannot be read.
    """
    if path == bundled_tests() and not path.is_file():
        raise InputError("this copy of ctx has no contrastive tests in it; name a file of them with --contrastive-file")
    tests: list[ContrastiveTest] = []
    seen: dict[ContrastiveTest, int] = {}
    for number, line in enumerate(read_lines(path), 1):
        test = _parse(line, f"line {number} of '{path}'")
        if test in seen:
            raise DataError(f"line {number} of '{path}' is line {seen[test]} again; each test stands once")
        seen[test] = number
        tests.append(test)
    if not tests:
        raise DataError(
            f"'{path}' holds no contrastive test; each is a line of {', '.join(COLUMNS)}, with tabs between"
        )
    return tests


def _parse(line: str, where: str) -> ContrastiveTest:
    columns = line.split("\t")
    if len(columns) != len(COLUMNS):
        raise DataError(f"{where} has {len(columns)} columns; it needs {len(COLUMNS)}: {', '.join(COLUMNS)}")
    for name, value in zip(COLUMNS, columns, strict=True):
        if not value.strip():
            raise DataError(f"{where} has no {name}")
    phenomenon, source, right, wrong = (column.strip() for column in columns)
    if normalize(right) == normalize(wrong):
        raise DataError(f"{where} has the same Hindi twice; the second must be wrong in one thing")
    for name, value in (("right Hindi", right), ("wrong Hindi", wrong)):
        if not any("\u0900" <= char <= "\u097f" for char in value):
            raise DataError(f"{where}: its {name} has no Devanagari letter; the columns are {', '.join(COLUMNS)}")
    return ContrastiveTest(phenomenon, source, right, wrong)


def contrast(
    directory: ModelDirectory, tests: Sequence[ContrastiveTest], device: torch.device
) -> list[ContrastiveResult]:
    """Score both translations of each test by the model's probability. DataError for a test too long for the model."""
    from .perplexity import likelihoods

    pairs = [(test.source, test.right) for test in tests] + [(test.source, test.wrong) for test in tests]
    nats = likelihoods(directory, pairs, device).nats
    for number, test in enumerate(tests):
        if math.isnan(nats[number]) or math.isnan(nats[number + len(tests)]):
            raise DataError(f'a contrastive test is too long for the model: "{test.source[:60]}…"')
    return [
        ContrastiveResult(test, float(nats[number + len(tests)] - nats[number])) for number, test in enumerate(tests)
    ]


def accuracies(results: Sequence[ContrastiveResult]) -> list[Accuracy]:
    """Of each phenomenon, in the order in which they first come, and of all together at the end."""
    phenomena = list(dict.fromkeys(result.test.phenomenon for result in results))
    counted = [
        _accuracy(name, [result.passed for result in results if result.test.phenomenon == name]) for name in phenomena
    ]
    return [*counted, _accuracy("all", [result.passed for result in results])]


def _accuracy(phenomenon: str, passed: Sequence[bool]) -> Accuracy:
    """With Wilson's interval (1927), which holds for few tests and for shares near 0 and 1."""
    tests, z = len(passed), 1.959964
    share = sum(passed) / tests
    middle = (share + z * z / (2 * tests)) / (1 + z * z / tests)
    half = z / (1 + z * z / tests) * math.sqrt(share * (1 - share) / tests + z * z / (4 * tests * tests))
    return Accuracy(phenomenon, sum(passed), tests, max(0.0, middle - half), min(1.0, middle + half))
