"""What one sees of a training run: a live display on a terminal, plain lines elsewhere; and what is kept of it."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from ..paths import atomic_file


@dataclass
class Status:
    """The numbers of a run as they stand."""

    step: int = 0
    epoch: int = 0
    loss: float = float("nan")  # training loss, nats a target token, smoothed, without label smoothing
    valid_loss: float = float("nan")  # the same on the held-out pairs, with the averaged weights
    learning_rate: float = 0.0
    tokens_per_second: float = 0.0  # source and target, padding not counted
    padding: float = 0.0  # share, smoothed
    done: float = 0.0  # share of the run, 0 to 1
    seconds_left: float = float("nan")
    samples: list[tuple[str, str, str]] = field(default_factory=list)  # source, reference, translation


class History:
    """The validations of a run, also kept in `metrics.jsonl`, a line each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries: list[dict[str, Any]] = []

    def resume(self, step: int) -> None:
        """Take up what was written up to `step`; what came after will come again, and a torn line is dropped."""
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.is_file() else []
        for line in lines:
            with contextlib.suppress(ValueError):
                self.entries.append(json.loads(line))
        self.entries = [entry for entry in self.entries if entry["step"] <= step]
        with atomic_file(self._path) as temporary:
            temporary.write_text("".join(json.dumps(entry) + "\n" for entry in self.entries), encoding="utf-8")

    def append(self, entry: dict[str, Any]) -> None:
        self.entries.append(entry)
        with self._path.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(entry) + "\n")


class Report:
    """Plain lines, one every `every` seconds. Use as a context."""

    def __init__(self, every: float = 15.0) -> None:
        self._every = every
        self._last = time.monotonic()

    def __enter__(self) -> Report:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def say(self, text: str) -> None:
        """One sentence about something that happened."""
        print(text, file=sys.stderr, flush=True)

    def update(self, status: Status) -> None:
        """The status after a step."""
        if time.monotonic() - self._last >= self._every:
            self._last = time.monotonic()
            self.say(
                f"step {status.step:,}  epoch {status.epoch}  loss {status.loss:.3f}  "
                f"{status.tokens_per_second:,.0f} tokens/s  padding {status.padding:.1%}  "
                f"rate {status.learning_rate:.1e}  {status.done:.0%}  {duration(status.seconds_left)} left"
            )

    def validated(self, status: Status) -> None:
        """The status after a validation."""
        self.say(f"step {status.step:,}  validation loss {status.valid_loss:.3f}")
        for source, _, translation in status.samples:
            self.say(f"    {source}\n    → {translation}")


class LiveReport(Report):
    """A panel that stays in place, redrawn four times a second by rich."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        super().__init__()
        self._status = Status()
        self._live = Live(console=Console(stderr=True), get_renderable=self._render, refresh_per_second=4)

    def __enter__(self) -> Report:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def say(self, text: str) -> None:
        self._live.console.print(text, markup=False, highlight=False)

    def update(self, status: Status) -> None:
        self._status = status

    def validated(self, status: Status) -> None:
        self._status = status

    def _render(self) -> Any:
        from rich.console import Group
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        status = self._status
        numbers = Table.grid(padding=(0, 3))
        for label, value in (
            ("step", f"{status.step:,} (epoch {status.epoch})"),
            ("loss", f"{status.loss:.3f}"),
            ("validation", f"{status.valid_loss:.3f}"),
            ("speed", f"{status.tokens_per_second:,.0f} tokens/s"),
            ("padding", f"{status.padding:.1%}"),
            ("learning rate", f"{status.learning_rate:.1e}"),
            ("left", duration(status.seconds_left)),
        ):
            numbers.add_row(Text(label, style="dim"), value)
        parts: list[Any] = [ProgressBar(total=1.0, completed=status.done), numbers]
        for source, reference, translation in status.samples:
            parts.append(Text(f"\n{source}", style="dim"))
            parts.append(Text(f"{translation or '…'}", style="bold"))
            parts.append(Text(f"{reference}", style="dim italic"))
        return Panel(Group(*parts), title="training", border_style="blue")


def choose_report() -> Report:
    """The live display where stderr is a terminal, plain lines otherwise."""
    return LiveReport() if sys.stderr.isatty() else Report()


def duration(seconds: float) -> str:
    """Seconds as people say them: 45 s, 3 min, 1 h 20 min."""
    if seconds != seconds:
        return "?"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
