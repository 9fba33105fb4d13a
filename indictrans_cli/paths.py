"""Where files live: the per-user cache, and writes that are whole or not there.

Everything this program keeps for a user lies under one folder: the platform's cache folder, or $CTX_HOME.
Nothing in it is precious: models and prepared data can be made or fetched again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

from .errors import OutputError


def cache_dir() -> Path:
    """The root of everything `ctx` keeps for this user ($CTX_HOME overrides it). Not created here."""
    override = os.environ.get("CTX_HOME")
    if override:
        return Path(os.path.expanduser(override))  # noqa: PTH111 (Path.expanduser raises for unknown users)
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

    The content reaches the disk before the name does, so that a power cut leaves the old file or the new one. A link is
    followed: the file it points to is replaced.
    """
    target = target.resolve() if target.is_symlink() else target
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
def open_output(path: Path) -> Iterator[IO[bytes]]:
    """A file to write, as a context: it appears when it is whole. Devices and pipes, such as /dev/stdout, are written to."""
    if path.is_dir():
        raise OutputError(f"cannot write '{path}': it is a folder; name a file in it")
    if path.exists() and not path.is_file():
        with path.open("wb") as handle:
            yield handle
        return
    with atomic_file(path) as temporary, temporary.open("wb") as handle:
        yield handle


def check_replaceable(target: Path, ours: Collection[str]) -> None:
    """OutputError where `target` is there and is not an empty folder or one that holds nothing but names in `ours`.

    So a folder that holds anything of the user's is never replaced.
    """
    if not target.exists() and not target.is_symlink():
        return
    foreign = sorted({path.name for path in target.iterdir()} - set(ours)) if target.is_dir() else [target.name]
    if foreign:
        raise OutputError(f"'{target}' exists already and holds '{foreign[0]}'; remove it or name another place")


@contextlib.contextmanager
def atomic_dir(target: Path, ours: Collection[str] = ()) -> Iterator[Path]:
    """Yield a temporary folder beside `target`; on success it takes the place of `target`, otherwise it goes.

    What may be replaced is said by `check_replaceable`, before and after. A crash between moving the old folder aside and
    the new one in leaves both, under names that begin with a dot.
    """
    check_replaceable(target, ours)
    ensure_dir(target.parent)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise OutputError(f"cannot write '{target}': {reason(error)}") from error
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        check_replaceable(target, ours)
        if target.exists():
            aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
            old = target.replace(aside / target.name)
            try:
                temporary.replace(target)
            except OSError:
                old.replace(target)
                raise
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        else:
            temporary.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write '{target}': {reason(error)}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Hold `folder` for this process; OutputError where another one does. Has no effect where there is no flock."""
    try:
        import fcntl
    except ImportError:  # not a Unix
        yield
        return
    with (ensure_dir(folder) / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(
                f"another process holds {what} in '{folder}'; wait for it, or name another place"
            ) from error
        yield


def folder_size(folder: Path) -> int:
    """Bytes in all files under `folder`; 0 where it does not exist."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
