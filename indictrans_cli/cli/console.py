"""How the commands speak: notes and errors to stderr, data to stdout; options that several commands share."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InputError, OptionError
from ..paths import reason


def note(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def complain(text: str) -> None:
    """An error for the person at the terminal."""
    note(f"ctx: {' '.join(text.split())}")


def load_recipe(context: typer.Context, path: Path | None) -> Path | None:
    """Take defaults for a command's options from its table in a TOML recipe; flags and CTX_* variables win over them."""
    if path is None or context.resilient_parsing:
        return path
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        import tomli as tomllib
    try:
        recipe = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the recipe '{path}': {reason(error)}") from error
    except ValueError as error:
        raise InputError(f"the recipe '{path}' is not TOML: {error}") from error
    command = str(context.info_name)
    table = recipe.get(command, {})
    if not isinstance(table, dict):
        raise OptionError(f"the recipe '{path}': {command} is no table; begin one with a line [{command}]")
    known = {
        name.lstrip("-").replace("-", "_"): str(parameter.name)
        for parameter in context.command.params
        for name in [*parameter.opts, str(parameter.name)]
    }
    wanted = {key.replace("-", "_"): value for key, value in table.items()}
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise OptionError(
            f"the recipe '{path}' sets '{unknown[0]}' under [{command}], which 'ctx {command}' does not have"
        )
    defaults = {known[key]: value for key, value in wanted.items()}
    context.default_map = {**(context.default_map or {}), **defaults}
    return path


def parse_duration(text: str) -> float:
    """`90`, `90s`, `15m`, `1.5h` in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not match:
        raise OptionError(f"'{text}' is not a duration; write for example 90s, 15m or 1.5h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


@contextlib.contextmanager
def progress(label: str) -> Iterator[Callable[[str, int], None]]:
    """A spinner with a count on a terminal, nothing elsewhere. Yields `update(stage, done)`."""
    if not sys.stderr.isatty():
        yield lambda stage, done: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(label) as status:
        yield lambda stage, done: status.update(Text(f"{stage}: {done:,}"))


def table(rows: list[list[str]], header: list[str]) -> str:
    """Columns aligned by spaces; the first to the left, the others to the right."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


Recipe = Annotated[
    Path | None,
    typer.Option(
        "--recipe",
        help="Take options from a TOML file; flags win over it.",
        is_eager=True,
        callback=load_recipe,
        show_default=False,
    ),
]
Device = Annotated[str, typer.Option("--device", envvar="CTX_DEVICE", help="auto, cpu or cuda.")]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        envvar="CTX_MODEL",
        help="A name in the cache, or a model directory; the bundled model if not given.",
        show_default=False,
    ),
]


def option(*names: str, help: str, env: str | None = None, **more: Any) -> Any:
    """A typer option that CTX_NAME sets too."""
    variable = env or "CTX_" + names[0].lstrip("-").replace("-", "_").upper()
    return typer.Option(*names, help=help, envvar=variable, **more)
