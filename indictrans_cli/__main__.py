"""The entry point: `ctx`, or `python -m indictrans_cli`. Turns every error into one sentence and an exit code."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line of this process and exit."""
    from .cli.app import app
    from .cli.console import complain
    from .errors import CtxError, missing_package

    debug = "--debug" in sys.argv or bool(os.environ.get("CTX_DEBUG"))
    try:
        app()
    except (CtxError, ModuleNotFoundError) as error:
        if debug:
            raise
        if isinstance(error, ModuleNotFoundError):
            error = missing_package(str(error.name).partition(".")[0], "this command")
        complain(str(error))
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        summary = " ".join(str(error).split())[:300] or "no message"
        complain(
            f"something unforeseen went wrong ({type(error).__name__}: {summary}); "
            f"'ctx --debug …' shows where, and a report of that is welcome"
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
