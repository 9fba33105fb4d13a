"""An evaluation on a terminal: rich's tables where it is one, aligned columns in a pipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..evaluate import Evaluation
from ..metrics import decimals
from .tables import Table, signatures, span, tables

Align = Callable[[list[list[str]], list[str]], str]  # rows and header, as aligned columns

_MOST_ROWS = 30


def show_table(table: Table) -> None:
    """Draw one table with rich on standard output."""
    from rich.console import Console
    from rich.table import Table as Drawn
    from rich.text import Text

    drawn: Any = Drawn(title=Text(table.title, style="bold"), title_justify="left", header_style="dim", box=None, pad_edge=False, padding=(0, 2, 0, 0))  # noqa: E501 # fmt: skip
    for column, name in enumerate(table.header):
        drawn.add_column(Text(name), justify="left" if column == 0 else "right", overflow="fold")
    for number, row in enumerate(table.rows[:_MOST_ROWS]):
        cells = [
            Text(cell, style="bold green" if (number, column) in table.best else "") for column, cell in enumerate(row)
        ]
        drawn.add_row(*cells)
    console = Console()
    console.print(drawn)
    if len(table.rows) > _MOST_ROWS:
        console.print(Text(f"and {len(table.rows) - _MOST_ROWS} more rows, in --report FILE.html", style="dim"))
    if table.note:
        console.print(Text(table.note, style="dim"))
    console.print()


def show(evaluation: Evaluation) -> None:
    """Draw all of an evaluation's tables."""
    from rich.console import Console
    from rich.text import Text

    console = Console()
    console.print(Text(heading(evaluation), style="bold"))
    console.print()
    for table in tables(evaluation):
        show_table(table)
    left_out = [f"left out: {line}" for line in evaluation.left_out]
    console.print(Text("\n".join([*signatures(evaluation), *left_out]), style="dim"))


def plain(evaluation: Evaluation, align: Align) -> str:
    """The same for a pipe. One system has a line a score, as it always had. `align` lays out rows under a header."""
    lines = [heading(evaluation)]
    rest: Sequence[Table] = tables(evaluation)
    if len(evaluation.systems) == 1:
        only = evaluation.systems[0]
        for score, interval in zip(only.scores, only.intervals, strict=True):
            value = f"{score.value:6.{decimals(score.name)}f}"
            lines.append(f"{score.name:10} {value}   {span(score.name, interval)}   {score.signature}")
        perplexity = only.system.perplexity
        if perplexity is not None:
            lines.append(
                f"perplexity {perplexity.value:6.2f}   {perplexity.nats:.4f} nats a token, {perplexity.tokens:,} tokens"
            )
        rest = rest[1:]
    for table in rest:
        lines += ["", *plain_table(table, align)]
    if len(evaluation.systems) > 1:
        lines += ["", *signatures(evaluation)]
    lines += ["", *(f"left out: {line}" for line in evaluation.left_out)] if evaluation.left_out else []
    return "\n".join(lines)


def plain_table(table: Table, align: Align) -> list[str]:
    """A table as lines; what is emphasised elsewhere has a star."""
    starred = [
        [f"{cell}*" if (number, column) in table.best else cell for column, cell in enumerate(row)]
        for number, row in enumerate(table.rows)
    ]
    return [table.title, align(starred, table.header), *([table.note] if table.note else [])]


def heading(evaluation: Evaluation) -> str:
    """What was scored on what."""
    test, systems = evaluation.test, evaluation.systems
    known = f" ({test.known_as})" if test.known_as and test.known_as != test.name else ""
    who = systems[0].system.name if len(systems) == 1 else f"{len(systems)} systems"
    speed = systems[0].system.speed if len(systems) == 1 else None
    fast = f", {speed.sentences_per_second:,.1f} a second" if speed else ""
    return f"{who} on {test.name}{known}: {len(test.references):,} sentences{fast}"
