"""The entry point: `ctx`, or `python -m indictrans_cli`. Turns every error into one sentence and an exit code."""

from __future__ import annotations

import itertools
import os
import sys


def main() -> None:
    """Run the command line of this process and exit."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the caller, as `>&-` does
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a locale without Hindi is no reason to fail

    from .cli.app import app
    from .cli.console import complain
    from .errors import CtxError, OutputError, missing_package
    from .paths import reason

    leading = itertools.takewhile(lambda word: word.startswith("-") and word != "--", sys.argv[1:])
    debug = "--debug" in leading or os.environ.get("CTX_DEBUG", "0") not in ("", "0")
    failure: CtxError
    cause: Exception
    try:
        app()
        return
    except CtxError as error:
        failure, cause = error, error
    except ModuleNotFoundError as error:
        failure, cause = missing_package(str(error.name).partition(".")[0], "this command"), error
    except OSError as error:
        where = f" '{error.filename}'" if error.filename else ""
        failure, cause = (
            OutputError(f"input or output failed{where}: {reason(error)}; check space and permissions"),
            error,
        )
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        summary = " ".join(str(error).split())[:300] or "no message"
        failure, cause = (
            CtxError(
                f"something unforeseen went wrong ({type(error).__name__}: {summary}); "
                f"'ctx --debug …' shows where, and a report of that is welcome"
            ),
            error,
        )
    if debug:
        raise cause
    complain(str(failure))
    sys.exit(failure.exit_code)


if __name__ == "__main__":
    main()
