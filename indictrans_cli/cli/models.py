"""`ctx models`: the models in the cache."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from .console import note, table

models = typer.Typer(help="List, locate and remove models in the cache.", no_args_is_help=True)


@models.command("list")
def list_models() -> None:
    """The bundled model and those in the cache: name, languages, parameters, size, place."""
    from ..engines.choose import BUNDLED, find_model
    from ..errors import ModelError
    from ..paths import folder_size, models_dir

    names = sorted(folder.name for folder in models_dir().glob("[!.]*") if folder.is_dir())
    rows = []
    for name in [*([BUNDLED] if BUNDLED not in names else []), *names]:
        try:
            model = find_model(name)
        except ModelError as error:
            note(f"ctx: {error}")
            continue
        rows.append(
            [
                name,
                f"{model.src_lang}-{model.tgt_lang}",
                f"{model.config.parameter_count() / 1e6:.1f} M",
                model.storage,
                f"{folder_size(model.path) / 1e6:.1f} MB",
                str(model.path),
            ]
        )
    print(table(rows, ["name", "languages", "parameters", "storage", "size", "place"]))


@models.command()
def path(name: Annotated[str, typer.Argument(help="Name of a model.")]) -> None:
    """Where a model lies."""
    from ..engines.choose import find_model

    print(find_model(name).path)


@models.command()
def remove(name: Annotated[str, typer.Argument(help="Name of a model in the cache.")]) -> None:
    """Remove a model from the cache, with the copies engines derived from it."""
    from ..errors import ModelError
    from ..model_directory import open_model
    from ..paths import derived_dir, models_dir

    folder = models_dir() / name
    if name in ("", ".", "..") or folder.parent != models_dir() or not folder.is_dir():
        raise ModelError(f"no model named '{name}' in the cache; 'ctx models list' shows what is there")
    try:
        derived = list(derived_dir().glob(f"{open_model(folder).content_hash}-*"))
    except ModelError:
        derived = []  # damaged: nothing can have been derived from it as it is
    for each in (folder, *derived):
        if each.is_symlink():
            each.unlink()
        else:
            shutil.rmtree(each)
    note(f"removed {folder}")
