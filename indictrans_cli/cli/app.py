"""`ctx` itself: the list of commands, and the options before a command."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import __version__
from .doctor import doctor
from .eval import evaluate
from .export import export
from .models import models
from .prepare import prepare
from .train import train
from .translate import translate

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Translate English to Hindi on your own machine, and train such translators.",
)

for name, command in (
    ("translate", translate),
    ("prepare", prepare),
    ("train", train),
    ("eval", evaluate),
    ("export", export),
    ("doctor", doctor),
):
    app.command(name)(command)
app.add_typer(models, name="models")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"ctx {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks instead of one-line errors.")] = False,
) -> None:
    pass
