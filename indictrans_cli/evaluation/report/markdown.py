"""An evaluation as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..evaluate import Evaluation
from .tables import Table, signatures, tables

_WORST = 10


def markdown(evaluations: Sequence[Evaluation]) -> str:
    """A section a test set: tables, what reproduces the scores, and each system's worst sentences."""
    lines = ["# Evaluation", ""]
    for evaluation in evaluations:
        test = evaluation.test
        lines += [f"## {escape(test.name)}", ""]
        lines += [
            f"{len(test.references):,} sentences, from {escape(test.origin)}; SHA-256 `{test.checksum[:16]}…`.",
            "",
        ]
        for table in tables(evaluation):
            lines += [f"### {escape(table.title)}", "", *_table(table), ""]
            lines += [escape(table.note), ""] if table.note else []
        lines += ["### Signatures", "", *(f"- `{line}`" for line in signatures(evaluation)), ""]
        lines += [
            *(f"- left out: {escape(line)}" for line in evaluation.left_out),
            *([""] if evaluation.left_out else []),
        ]
        for each in evaluation.systems:
            lines += [f"### Worst sentences of {escape(each.system.name)}", ""]
            for at in each.worst(_WORST):
                lines.append(f"{at + 1}. chrF2++ {each.sentences[at]:.1f}")
                source = test.sources[at] if test.sources is not None else None
                lines += [f"   - {escape(source)}"] if source is not None else []
                lines += [f"   - {escape(each.system.hypotheses[at])}", f"   - *{escape(test.references[at])}*"]
            lines.append("")
    return "\n".join(lines)


def escape(text: str) -> str:
    """A text on one line that Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|&~$-])", r"\\\1", " ".join(text.split()))


def _table(table: Table) -> list[str]:
    rows = [
        [f"**{escape(cell)}**" if (number, column) in table.best else escape(cell) for column, cell in enumerate(row)]
        for number, row in enumerate(table.rows)
    ]
    lines = [[escape(cell) for cell in table.header], ["---", *["---:"] * (len(table.header) - 1)], *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
