"""Plots as SVG text: values with their intervals. Colours are classes `s0` to `s7` of the page's style, one a system."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _LABELS, _RIGHT, _ROW = 720, 230, 60, 22  # pixels
COLOURS = 8


@dataclass(frozen=True)
class Point:
    """A value with its interval, of the system of that number."""

    system: int
    value: float
    low: float
    high: float


def interval_plot(title: str, rows: Sequence[tuple[str, Sequence[Point]]]) -> str:
    """Each row's points on one axis from left to right, the interval as a line through each. Nothing without a point."""
    points = [point for _, row in rows for point in row if math.isfinite(point.value)]
    if not points:
        return ""
    ticks = nice_ticks(min(point.low for point in points), max(point.high for point in points))
    first, last = ticks[0], ticks[-1]
    scale = (_WIDTH - _LABELS - _RIGHT) / ((last - first) or 1.0)

    def x(value: float) -> float:
        return _LABELS + (value - first) * scale

    parts: list[str] = []
    y = 34.0
    for label, row in rows:
        height = max(1, len(row)) * 9 + _ROW - 9
        shown = label if len(label) <= 34 else f"{label[:33]}…"
        parts.append(f'<text class="label" x="{_LABELS - 10}" y="{y + height / 2 + 1:.1f}">{escape(shown)}</text>')
        for number, point in enumerate(row):
            at = y + height / 2 + (number - (len(row) - 1) / 2) * 9 - 3
            name = f"{label}: {point.value:.2f} ({point.low:.2f} to {point.high:.2f})"
            parts.append(
                f'<g class="s{point.system % COLOURS}"><title>{escape(name)}</title>'
                f'<line x1="{x(point.low):.1f}" x2="{x(point.high):.1f}" y1="{at:.1f}" y2="{at:.1f}"/>'
                f'<circle cx="{x(point.value):.1f}" cy="{at:.1f}" r="3.5"/></g>'
            )
            if len(row) == 1:
                parts.append(f'<text class="value" x="{_WIDTH - _RIGHT + 8}" y="{at + 4:.1f}">{point.value:.2f}</text>')
        y += height
    grid = [
        f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="26" y2="{y:.1f}"/>'
        f'<text class="tick" x="{x(tick):.1f}" y="{y + 14:.1f}">{tick:g}</text>'
        for tick in ticks
    ]
    return _svg(title, [*grid, *parts], y + 22)


def line_plot(title: str, lines: Sequence[tuple[str, Sequence[tuple[float, Point]]]]) -> str:
    """Values over something that grows, such as steps; the interval of each as a line through it."""
    every = [(at, point) for _, row in lines for at, point in row]
    if not every:
        return ""
    ticks = nice_ticks(min(point.low for _, point in every), max(point.high for _, point in every))
    across = nice_ticks(min(at for at, _ in every), max(at for at, _ in every))
    left, bottom, top = 60, 240, 34

    def x(value: float) -> float:
        return left + (value - across[0]) / ((across[-1] - across[0]) or 1.0) * (_WIDTH - left - 30)

    def y(value: float) -> float:
        return bottom - (value - ticks[0]) / ((ticks[-1] - ticks[0]) or 1.0) * (bottom - top)

    parts = [
        f'<line class="grid" x1="{left}" x2="{_WIDTH - 30}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
        f'<text class="label" x="{left - 8}" y="{y(tick) + 4:.1f}">{tick:g}</text>'
        for tick in ticks
    ]
    parts += [f'<text class="tick" x="{x(tick):.1f}" y="{bottom + 16}">{tick:g}</text>' for tick in across]
    for label, row in lines:
        if len(row) > 1:
            path = " ".join(f"{x(at):.1f},{y(point.value):.1f}" for at, point in row)
            parts.append(f'<polyline class="s{row[0][1].system % COLOURS}" points="{path}"/>')
        for at, point in row:
            name = f"{label}, {at:g}: {point.value:.2f} ({point.low:.2f} to {point.high:.2f})"
            parts.append(
                f'<g class="s{point.system % COLOURS}"><title>{escape(name)}</title>'
                f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{y(point.low):.1f}" y2="{y(point.high):.1f}"/>'
                f'<circle cx="{x(at):.1f}" cy="{y(point.value):.1f}" r="3.5"/></g>'
            )
    return _svg(title, parts, bottom + 26)


def nice_ticks(low: float, high: float) -> list[float]:
    """Between four and ten round numbers that hold both ends."""
    width = (high - low) or abs(high) or 1.0
    step = 10 ** math.floor(math.log10(width / 4))
    step = next((step * factor for factor in (1, 2, 5, 10) if width / (step * factor) <= 8), step * 10)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]


def _svg(title: str, parts: Sequence[str], height: float) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f'<text class="title" x="10" y="16">{escape(title)}</text>{"".join(parts)}</svg>'
    )
