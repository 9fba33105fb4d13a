"""Where files live: the per-user cache, and writes that are whole or not there.

Everything this program keeps for a user lies under one folder: the platform's cache folder, or $CTX_HOME.
Nothing in it is precious: models and prepared data can be made or fetched again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import OutputError


def cache_dir() -> Path:
    """The root of everything `ctx` keeps for this user ($CTX_HOME overrides it). Not created here."""
    override = os.environ.get("CTX_HOME")
    if override:
        return Path(override).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("indictrans-cli", appauthor=False))


def models_dir() -> Path:
    """Trained and fetched model directories, one folder a name."""
    return cache_dir() / "models"


def runs_dir() -> Path:
    """Training runs (snapshots, metrics) whose place the user did not choose."""
    return cache_dir() / "runs"


def data_dir() -> Path:
    """Prepared corpora whose place the user did not choose."""
    return cache_dir() / "data"


def derived_dir() -> Path:
    """Copies of models in an engine's own form, keyed by the model's content hash."""
    return cache_dir() / "derived"


def assets_dir() -> Path:
    """What is bundled in the package: the default model and the sample corpus."""
    return Path(__file__).parent / "assets"


def ensure_dir(folder: Path) -> Path:
    """Create `folder` with its parents; OutputError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot create the folder '{folder}': {reason(error)}; name another place") from error
    return folder


def reason(error: OSError) -> str:
    """The operating system's reason in lower case, as a part of a sentence."""
    return (error.strerror or str(error)).lower()


@contextlib.contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; on success it replaces `target` in one step, otherwise it goes.

    The content reaches the disk before the name does, so that a power cut leaves the old file or the new one.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise OutputError(f"cannot write '{target}': {reason(error)}") from error
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write '{target}': {reason(error)}") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_dir(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield a temporary folder beside `target`; on success it becomes `target` in one step, otherwise it goes.

    Raises OutputError where `target` exists already and `replace` is false.
    """
    if target.exists() and not replace:
        raise OutputError(f"'{target}' exists already; remove it or name another place")
    ensure_dir(target.parent)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise OutputError(f"cannot write '{target}': {reason(error)}") from error
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if target.exists():
            aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
            target.replace(aside / target.name)
            temporary.replace(target)
            shutil.rmtree(aside, ignore_errors=True)
        else:
            temporary.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write '{target}': {reason(error)}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def folder_size(folder: Path) -> int:
    """Bytes in all files under `folder`; 0 where it does not exist."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
