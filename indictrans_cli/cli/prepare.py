"""`ctx prepare`: parallel text to a folder of prepared data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .console import Recipe, note, option, progress, table


def prepare(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="Where sentence pairs come from: .tsv files (also .gz, .xz), folders of them, a pair of files FILE.en "
            "FILE.hi, samanantar:hi, hub:owner/name, or bundled. SOURCE=3 gives one three times the weight.",
            show_default="bundled",
        ),
    ] = None,
    recipe: Recipe = None,
    source: Annotated[
        list[str] | None, typer.Option("--source", help="The same as an argument, for recipes.", hidden=True)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The folder to write; in the cache if not given.", show_default=False),
    ] = None,
    src_lang: Annotated[str, option("--from", env="CTX_FROM", help="Source language.")] = "en",
    tgt_lang: Annotated[str, option("--to", env="CTX_TO", help="Target language.")] = "hi",
    tokenizer: Annotated[
        Path | None,
        typer.Option("--tokenizer", help="Take this SentencePiece model instead of training one.", show_default=False),
    ] = None,
    vocab_size: Annotated[
        int, option("--vocab-size", help="Pieces of the vocabulary to train; 0: by the text's size, up to 8,000.")
    ] = 0,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude",
            help="A test set, a sentence a line, or its name as in `ctx eval --test`: pairs that overlap are dropped. "
            "May be repeated.",
            show_default=False,
        ),
    ] = None,
    valid_pairs: Annotated[int, option("--valid-pairs", help="About how many pairs to hold out.")] = 1000,
    max_tokens: Annotated[int, option("--max-tokens", help="Drop pairs longer than this on a side.")] = 200,
    limit: Annotated[int, typer.Option("--limit", help="Read at most so many pairs of each source; 0: all.")] = 0,
    seed: Annotated[int, option("--seed", help="Seed of the split and the tokenizer.")] = 1,
) -> None:
    """Clean parallel text, split it, train a tokenizer, and write it ready for `ctx train`.

    Without a source the bundled sample is prepared.
    """
    from ..corpus.prepare import PrepareConfig
    from ..corpus.prepare import prepare as run
    from ..corpus.sources import parse_sources
    from ..corpus.testsets import excluded_files
    from ..tokenizer import Tokenizer

    wanted = parse_sources(sources or source or ["bundled"], src_lang, tgt_lang)
    config = PrepareConfig(src_lang, tgt_lang, vocab_size, valid_pairs, max_tokens, limit, seed)
    folder = out or default_data_folder([each.name for each in wanted])
    with progress("reading") as update:
        info = run(
            wanted,
            folder,
            config,
            tokenizer=Tokenizer.load(tokenizer) if tokenizer else None,
            exclude=excluded_files(exclude or []),
            progress=update,
        )
    note(summary(info))
    print(folder)


def default_data_folder(names: list[str]) -> Path:
    """Where prepared data go when the user names no place: the cache, under the first source's name."""
    from ..paths import data_dir

    label = "".join(char if char.isalnum() or char in "-_" else "-" for char in Path(names[0]).name.split(".")[0])
    if label == "bundled" and names[0] != "bundled":
        label = "bundled-file"  # `ctx train` without data means the sample
    return data_dir() / (label or "data")


def summary(info: dict[str, Any]) -> str:
    """What was read, kept and dropped, as a table."""
    rows = []
    for each in info["sources"]:
        reasons = sorted(each["dropped"].items(), key=lambda item: -item[1])
        dropped = ", ".join(f"{name} {count:,}" for name, count in reasons) or "nothing"
        rows.append([Path(each["name"]).name, f"{each['weight']:g}", f"{each['read']:,}", f"{each['kept']:,}", dropped])
    lines = [table([row[:4] for row in rows], ["source", "weight", "read", "kept"]).splitlines()]
    body = [f"{line}   dropped: {row[4]}" for line, row in zip(lines[0][1:], rows, strict=True)]
    train, valid = info["train"], info["valid"]
    return "\n".join(
        [
            lines[0][0],
            *body,
            f"{train['pairs']:,} pairs to train on ({train['src_tokens']:,} + {train['tgt_tokens']:,} tokens), "
            f"{valid['pairs']:,} held out",
        ]
    )
