"""How models moved over time: the history as tables, and as a page with a plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..metrics import decimals
from .html import table_html, wrap
from .svg import Point, line_plot
from .tables import Table

History = Sequence[dict[str, Any]]


def history_tables(entries: History) -> list[Table]:
    """A table for each model (or run) on each test set, its evaluations in the order in which they were made."""
    return [_table(title, rows) for title, rows in _by_model_and_test(entries).items()]


def history_page(entries: History) -> str:
    """The same as a page, each with a plot of every score over steps, or over evaluations where there are no steps."""
    parts = ["<h1>History</h1>"]
    for title, rows in _by_model_and_test(entries).items():
        stepwise = all(row["step"] is not None for row in rows)
        plots = []
        for name in _names(rows):
            points = [
                (float(row["step"] if stepwise else number), Point(0, *row["scores"][name]))
                for number, row in enumerate(rows, 1)
                if name in row["scores"]
            ]
            plots.append(line_plot(f"{name} by {'step' if stepwise else 'evaluation'}", [(name, points)]))
        parts += [table_html(_table(title, rows)), f'<div class="plots">{"".join(plots)}</div>']
    return wrap("History", "".join(parts))


def _by_model_and_test(entries: History) -> dict[str, list[dict[str, Any]]]:
    found: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    for each in entries:
        found.setdefault((each["model"], each["run"], each["test"], each["checksum"]), []).append(each)
    titled: dict[str, list[dict[str, Any]]] = {}
    for (model, _, test, checksum), rows in found.items():
        title = f"{model} on {test}"
        titled[title if title not in titled else f"{title} ({checksum[:8]})"] = rows
    return titled


def _names(rows: History) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row["scores"]))


def _table(title: str, rows: History) -> Table:
    names = _names(rows)
    cells: list[list[str]] = []
    before: dict[str, float] = {}
    for row in rows:
        when, step = row["time"].replace("T", " ")[:16], row["step"]
        line = [when, "–" if step is None else f"{step:,}", row["content_hash"][:8], str(row["beam_size"] or "–")]
        for name in names:
            value = row["scores"].get(name, [None])[0]
            moved = f" ({value - before[name]:+.{decimals(name)}f})" if value is not None and name in before else ""
            line.append("–" if value is None else f"{value:.{decimals(name)}f}{moved}")
            if value is not None:
                before[name] = value
        cells.append([*line, "–" if row["perplexity"] is None else f"{row['perplexity']:.2f}"])
    return Table(title, ["when", "step", "model", "beam", *names, "perplexity"], cells)
