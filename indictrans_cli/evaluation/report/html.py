"""An evaluation as one HTML file that needs nothing else: tables, plots, and every sentence with its translations.

Texts are hostile. Tables and plots are escaped here; the sentences travel as JSON in which no `<` is left, and the page's
script sets them as text. The page's policy allows this very style and script, by their hashes, and no request at all.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ... import __version__
from ..behaviour import FLAGS
from ..contrastive import accuracies
from ..evaluate import Evaluation, SystemResult
from .differences import word_marks
from .svg import COLOURS, Point, interval_plot
from .tables import Table, signatures, tables


def page(evaluations: Sequence[Evaluation]) -> str:
    """The whole page: a section a test set."""
    names = ", ".join(evaluation.test.name for evaluation in evaluations)
    sections = [_section(evaluation, at) for at, evaluation in enumerate(evaluations)]
    data = [sentence_data(evaluation) for evaluation in evaluations]
    body = f"<h1>Evaluation</h1><p>{escape(names)} · made by ctx {escape(__version__)}</p>{''.join(sections)}"
    return wrap(f"Evaluation: {names}", body, data)


def wrap(title: str, body: str, data: Sequence[dict[str, Any]] = ()) -> str:
    """A page of ours around a body of escaped HTML; with `data`, the script of the sentence view."""
    here = Path(__file__).parent
    style, script = ((here / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    scripts = (
        f'<script type="application/json" id="data">{_json(data)}</script><script>{script}</script>' if data else ""
    )
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n<body>{body}{scripts}</body></html>\n"
    )


def sentence_data(evaluation: Evaluation) -> dict[str, Any]:
    """What the sentence view shows, in the order of the test set."""
    test, systems = evaluation.test, evaluation.systems
    members: list[list[int]] = [[] for _ in test.references]
    for number, group in enumerate(evaluation.groups):
        for at in group.indices:
            members[at].append(number)
    rows = []
    for at, reference in enumerate(test.references):
        marks = [word_marks(each.system.hypotheses[at], reference) for each in systems]
        rows.append(
            {
                "line": at + 1,
                "src": test.sources[at] if test.sources is not None else None,
                "ref": reference,
                "hyp": [each.system.hypotheses[at] for each in systems],
                "score": [round(float(each.sentences[at]), 2) for each in systems],
                "flags": [each.behaviour.flags[at] for each in systems],
                "hypMarks": [mark[0] for mark in marks],
                "refMarks": [mark[1] for mark in marks],
                "groups": members[at],
            }
        )
    seen = {flag for each in systems for flags in each.behaviour.flags for flag in flags}
    return {
        "systems": [each.system.name for each in systems],
        "groups": [f"{group.kind}: {group.label} ({len(group.indices)})" for group in evaluation.groups],
        "flags": [flag for flag in FLAGS if flag in seen],
        "rows": rows,
    }


def table_html(table: Table) -> str:
    """A table with its title and its note."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
    rows = []
    for number, row in enumerate(table.rows):
        cells = [
            f'<td class="best">{escape(cell)}</td>' if (number, column) in table.best else f"<td>{escape(cell)}</td>"
            for column, cell in enumerate(row)
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    body = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<h3>{escape(table.title)}</h3><div class="scroll">{body}</div>{note}'


def _section(evaluation: Evaluation, number: int) -> str:
    test = evaluation.test
    left_out = [f'<p class="note">Left out: {escape(line)}</p>' for line in evaluation.left_out]
    keys = [
        f'<span class="key s{at % COLOURS}">{escape(each.system.name)}</span>'
        for at, each in enumerate(evaluation.systems)
    ]
    shown = tables(evaluation)
    return "".join(
        [
            f"<h2>{escape(test.name)}</h2><p>{len(test.references):,} sentences, from {escape(test.origin)}"
            f" · SHA-256 <code>{test.checksum[:16]}…</code></p><p>{''.join(keys)}</p>",
            table_html(shown[0]),
            *left_out,
            f'<div class="plots">{"".join(_plots(evaluation))}</div>',
            *map(table_html, shown[1:]),
            "<h3>Signatures</h3>",
            *(f"<div><code>{escape(line)}</code></div>" for line in signatures(evaluation)),
            '<h3>Sentence by sentence</h3><p class="note">Red words are not in the reference; green words of the reference '
            "are not in the first system shown. The number behind a translation is its chrF2++.</p>"
            f'<div id="sentences-{number}"></div>',
        ]
    )


def _plots(evaluation: Evaluation) -> Iterator[str]:
    systems = evaluation.systems
    for at, first in enumerate(systems[0].scores):
        rows = [
            (each.system.name, [Point(number, each.scores[at].value, each.intervals[at].low, each.intervals[at].high)])
            for number, each in enumerate(systems)
        ]
        yield interval_plot(f"{first.name}, 95 % interval", rows)
    for kind in dict.fromkeys(group.kind for group in evaluation.groups):
        yield interval_plot(f"chrF2++ by {kind}", list(_by_group(evaluation, kind)))
    tested = [(number, each) for number, each in enumerate(systems) if each.system.contrastive]
    if tested:
        yield interval_plot("Contrastive tests passed, %", list(_by_phenomenon(tested)))


def _by_group(evaluation: Evaluation, kind: str) -> Iterator[tuple[str, list[Point]]]:
    for at, group in enumerate(evaluation.groups):
        if group.kind == kind:
            scores = [each.groups[at][0] for each in evaluation.systems]
            points = [
                Point(number, score.value, score.interval.low, score.interval.high)
                for number, score in enumerate(scores)
            ]
            yield f"{group.label} ({len(group.indices):,})", points


def _by_phenomenon(tested: Sequence[tuple[int, SystemResult]]) -> Iterator[tuple[str, list[Point]]]:
    counted = [(number, accuracies(each.system.contrastive or [])) for number, each in tested]
    for at, first in enumerate(counted[0][1]):
        of_all = [(number, each[at]) for number, each in counted]
        yield (
            f"{first.phenomenon} ({first.tests:,})",
            [Point(number, 100 * one.share, 100 * one.low, 100 * one.high) for number, one in of_all],
        )


def _json(data: Any) -> str:
    """JSON that no parser of HTML can see an end or a comment in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
