"""`ctx translate`: text, files and pipes, from one language to the other."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from .console import Device, Model, note, option

if TYPE_CHECKING:
    from ..translator import Translator

#: characters up to which one thread is quicker: starting more takes longer than they save
SHORT = 1000


def translate(
    text: Annotated[
        list[str] | None,
        typer.Argument(help="What to translate, a line each. Without it, standard input is read.", show_default=False),
    ] = None,
    input: Annotated[
        list[Path] | None,
        typer.Option(
            "--input",
            "-i",
            help="Translate this document; with --output-dir also a folder or a quoted glob, and more than one.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write here instead of standard output.", show_default=False)
    ] = None,
    output_dir: Annotated[
        Path | None,
        typer.Option(
            "--output-dir", help="Write the translations here, named and nested as the inputs are.", show_default=False
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="With --output-dir: also translate files that are done.")
    ] = False,
    jobs: Annotated[int, option("--jobs", help="With --output-dir: files at once.")] = 1,
    format: Annotated[
        str,
        option(
            "--format", help="The format of the input; by its name, or its content, if not given.", show_default=False
        ),
    ] = "",
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            help="A column of CSV, TSV or Parquet, or a member of JSON (a.b), to translate; may be repeated.",
            show_default=False,
        ),
    ] = None,
    model: Model = "",
    beam_size: Annotated[int, option("--beam-size", help="Hypotheses kept while searching; 1 is fastest.")] = 4,
    engine: Annotated[str, option("--engine", help="auto, ctranslate2 or torch.")] = "auto",
    device: Device = "auto",
    threads: Annotated[int, option("--threads", help="Processor threads; 0: all.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON object a line: source, text, score, segments.")
    ] = False,
) -> None:
    """Translate text, documents, or standard input. On a terminal with nothing given, ask for sentences.

    Of text, as many lines come out as go in; blank lines stay blank. Of other documents, what is no language stays.
    """
    from ..errors import OptionError
    from ..paths import open_output
    from ..translator import Translator

    if threads < 0:
        raise OptionError(f"--threads {threads}: must be 0 (all) or more")
    if text and input:
        hint = "; quote a glob, so that ctx sees it whole" if output_dir else ""
        raise OptionError(f"give either text or --input, not both{hint}")
    if column and not (input or output_dir or format):
        raise OptionError("--column is for tables and JSON; name one with --input, or say which with --format")
    if not threads and text and sum(map(len, text)) < SHORT:
        threads = 1
    if input or output_dir or format:  # documents; loaded here, so that a sentence need not wait for it
        from .files import Documents, check_many, check_one, check_output, open_input, translate_many

        if output_dir:
            check_many(input or [], output, jobs, as_json)
        else:
            check_one(input or [])
    translator = Translator(model or None, device=device, engine=engine, beam_size=beam_size, threads=threads)
    if not text and not input and sys.stdin.isatty() and sys.stdout.isatty() and output is None:
        converse(translator)
        return
    with contextlib.ExitStack() as stack:
        kind = None
        if text:
            source: IO[bytes] = io.BytesIO("".join(f"{line}\n" for line in text).encode("utf-8", "replace"))
            name = "the text"
        else:
            source, name = sys.stdin.buffer, f"'{input[0]}'" if input else "standard input"
        if input or output_dir or format:
            documents = Documents(translator, format, tuple(column or ()))
            if output_dir:
                translate_many(documents, input or [], output_dir, overwrite, jobs)
                return
            if input:
                source = stack.enter_context(open_input(input[0]))
            kind = documents.format_of(input[0] if input else None, source)
            check_output(name, kind, output)
            if column and not kind.has_columns:
                raise OptionError(f"--column is for tables and JSON, and {name} is {kind.name}; leave it out")
        write = stack.enter_context(open_output(output)) if output else sys.stdout.buffer
        if kind is not None and kind.name != "text":
            if as_json:
                raise OptionError(f"--json is for text, and {name} is {kind.name}; leave it out, or give --format text")
            documents.translate(source, write, kind, name)
        else:
            for line in _results(source, name, translator, as_json):
                write.write(line.encode("utf-8", "replace"))
        write.flush()


def _results(source: IO[bytes], name: str, translator: Translator, as_json: bool) -> Iterator[str]:
    from ..documents.text import translate_text

    def to_json(lines: list[str]) -> list[str]:
        return [
            json.dumps(
                {
                    "source": result.source,
                    "text": result.text,
                    "score": round(result.score, 2),
                    "segments": [{"source": src, "text": tgt} for src, tgt in result.segments],
                },
                ensure_ascii=False,
            )
            for result in translator.translate_results(lines)
        ]

    yield from translate_text(source, name, to_json if as_json else translator.translate)


def converse(translator: Translator) -> None:
    """Read a line, print its translation, until end of file; lines typed before come back with the arrow keys."""
    from ..errors import OutputError
    from ..paths import cache_dir, ensure_dir

    history = None
    with contextlib.suppress(ImportError, OSError, OutputError):
        import readline

        history = ensure_dir(cache_dir()) / "history"
        if history.exists():
            readline.read_history_file(history)
        readline.set_history_length(1000)
    note(f"{' → '.join(translator.languages)}; an empty line or Ctrl-D ends")
    while True:
        try:
            line = input("> ")
        except (EOFError, KeyboardInterrupt):
            note("")
            break
        if not line.strip():
            break
        print(translator.translate([line])[0], flush=True)
    if history is not None:
        with contextlib.suppress(OSError):
            readline.write_history_file(history)
