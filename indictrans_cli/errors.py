"""The errors a user can meet. Each message names the thing, the reason and the next step.

    CtxError                 1   anything else this program can explain
    ├── OptionError          2   an option has a value that cannot work
    ├── InputError           3   something that should be read cannot be
    ├── OutputError          4   something that should be written cannot be
    ├── ModelError           5   a model is missing, damaged or of the wrong kind
    ├── DataError            6   a corpus or a folder of prepared data cannot be used
    ├── MissingPackageError  7   this command needs a Python package that is not installed
    └── NetworkError         8   something must be fetched and cannot be

The number is the exit code of `ctx`. Ctrl-C exits with 130, as shells expect.
"""

from __future__ import annotations


class CtxError(Exception):
    """Anything that stops a command and that this program can explain."""

    exit_code = 1
    #: what a user usually does about it; `docs/errors.md` is generated from this
    remedy = "Read the message: it names the next step. `--debug` shows where it happened."


class OptionError(CtxError):
    """An option has a value that cannot work."""

    exit_code = 2
    remedy = "Correct the option; `ctx COMMAND --help` lists what each one takes."


class InputError(CtxError):
    """Something that should be read is missing, is not a file, or is not text."""

    exit_code = 3
    remedy = "Check the path; a file in another encoding is converted with `iconv -t utf-8`."


class OutputError(CtxError):
    """Something that should be written cannot be: no such folder, no permission, no space."""

    exit_code = 4
    remedy = "Make the folder, or name another place with `--output` or `--out`."


class ModelError(CtxError):
    """A model is missing, damaged, or not of the kind that is needed."""

    exit_code = 5
    remedy = "`ctx models list` shows the models that are there; without `--model` the bundled one is used."


class DataError(CtxError):
    """A corpus, or a folder that `ctx prepare` wrote, cannot be used."""

    exit_code = 6
    remedy = "Run `ctx prepare` on the text again; its summary shows what was read and dropped."


class MissingPackageError(CtxError):
    """This command needs a Python package that is not installed."""

    exit_code = 7
    remedy = "Install what the message names, into the environment that holds `ctx`."


class NetworkError(CtxError):
    """Something must be fetched from the network and cannot be."""

    exit_code = 8
    remedy = "Check the connection and the name, or work offline: everything bundled works without a network."


def missing_package(package: str, purpose: str) -> MissingPackageError:
    """The error for an absent optional part, with the one line that installs it."""
    return MissingPackageError(
        f"{purpose} needs the package '{package}', which is not installed; install it with: pip install {package!s}"
    )
