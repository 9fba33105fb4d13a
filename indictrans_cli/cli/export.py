"""`ctx export`: a model in another form, checked against the original."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import note


def export(
    model: Annotated[
        str,
        typer.Argument(
            help="A name in the cache, or a model directory; the bundled model if not given.", show_default=False
        ),
    ] = "",
    to: Annotated[str, typer.Option("--to", help="model, ctranslate2 or huggingface.")] = "ctranslate2",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The folder to write.", show_default="MODEL-TARGET")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage", help="How weights are stored; each target knows its own.", show_default="the target's"
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an export that is there.")] = False,
) -> None:
    """Write a model in another form, load that, and compare its translations with the original's."""
    from ..engines.choose import find_model
    from ..errors import OptionError
    from ..export.base import export as run

    directory = find_model(model or None)
    folder = out or Path(f"{directory.path.name}-{to}")
    if folder.resolve() == directory.path.resolve():
        raise OptionError(f"--out {folder}: that is the model itself; name another folder")
    check = run(directory, to, folder, storage, replace=force)
    note(
        f"{check.sentences - check.different} of {check.sentences} sentences translated as before, "
        f"{check.size / 1e6:.1f} MB"
    )
    for source, before, after in check.examples:
        note(f"  {source}\n    before: {before}\n    after:  {after}")
    print(folder)
