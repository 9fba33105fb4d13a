"""CSV, TSV, JSON Lines and Parquet: named columns are translated, row by row, in constant memory; all else is copied."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from ..errors import InputError, OptionError, missing_package
from .base import Edit, Job, Work, apply_edits, carry_out, plain_work
from .json import json_strings, write_json
from .text import TEXTS_AT_ONCE, read_lines

MAX_ROW = 1 << 17  # characters of a row that spans lines: as many as Python's csv takes in a field
MAX_TRIES = 500  # lines that may end it and do not

_QUOTED = re.compile(r'"(?:[^"]|"")*"(?!")')
_OPEN = re.compile(r'"(?:[^"]|"")*\Z')
_BOM = b"\xef\xbb\xbf"


def translate_csv(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate columns of a CSV file, by name or by number. The delimiter is the likeliest of the first line.

    InputError where a quoted field never ends; OptionError where no column is named, or one that is not there.
    """
    first = source.readline().decode("utf-8", "replace")
    source.seek(0)
    delimiter = max(",;\t|", key=lambda char: (first.count(char), char == ","))
    _translate_rows(source, output, job, delimiter, spans_lines=True)


def translate_tsv(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate columns of a TSV file, by name or by number. A row is a line. OptionError as for CSV."""
    _translate_rows(source, output, job, "\t", spans_lines=False)


def _translate_rows(source: IO[bytes], output: IO[bytes], job: Job, delimiter: str, spans_lines: bool) -> None:
    if source.read(3) == _BOM:
        output.write(_BOM)
    source.seek(0)
    rows = _rows(source, job.name, delimiter, spans_lines)
    first = next(rows, None)
    if first is None:
        return
    names = [_value(raw) for raw in first[0]]
    if job.columns and all(column.isdecimal() and column not in names for column in job.columns):
        numbers = [int(column) - 1 for column in dict.fromkeys(job.columns)]
        if any(not 0 <= number < len(names) for number in numbers):
            wrong = ", ".join(job.columns)
            raise OptionError(f"{job.name} has the columns 1 to {len(names)}; --column {wrong} is not among them")
        rows = itertools.chain([first], rows)
    else:
        numbers = [names.index(column) for column in check_columns(job, names)]
        output.write(_joined(first))
    while chunk := list(itertools.islice(rows, TEXTS_AT_ONCE)):
        for row in _translate_cells(chunk, numbers, job, delimiter):
            output.write(_joined(row))


Row = tuple[list[str], list[str], str]  # the fields as they stand, what stands between them, the end of the line


def _joined(row: Row) -> bytes:
    fields, delimiters, end = row
    return "".join(itertools.chain(*zip(fields, [*delimiters, end], strict=True))).encode()


def _translate_cells(rows: list[Row], numbers: Sequence[int], job: Job, delimiter: str) -> list[Row]:
    cells = [(row, number) for row in rows for number in numbers if number < len(row[0])]
    works = (plain_work(place, place, _value(row[0][number]), str) for place, (row, number) in enumerate(cells))
    for place, _, new in carry_out(works, job.translate):
        (fields, _, _), number = cells[place]
        fields[number] = _field(new, bool(_QUOTED.fullmatch(fields[number])), delimiter)
    return rows


def _value(raw: str) -> str:
    return raw[1:-1].replace('""', '"') if _QUOTED.fullmatch(raw) else raw


def _field(text: str, was_quoted: bool, delimiter: str) -> str:
    if was_quoted or (delimiter != "\t" and re.search(rf'^"|[\r\n{re.escape(delimiter)}]', text)):
        return '"' + text.replace('"', '""') + '"'
    return re.sub(r"[\t\r\n]+", " ", text) if delimiter == "\t" else text


def _rows(source: IO[bytes], name: str, delimiter: str, spans_lines: bool) -> Iterator[Row]:
    """The rows of a table. With `spans_lines` a quoted field may hold line breaks, otherwise a row is a line."""
    held: list[str] = []
    begun = size = tries = 0
    for number, (text, end) in enumerate(read_lines(source, name), 1):
        begun = begun if held else number
        size = size + len(text) if held else len(text)
        tries = tries + text.count('"') % 2 if held else 0
        row = _split("".join([*held, text]), delimiter, spans_lines) if text.count('"') % 2 or not held else None
        if row is not None:
            held = []
            yield *row, end
        elif size > MAX_ROW or tries > MAX_TRIES:
            break
        else:
            held.append(text + end)
    if held:
        raise InputError(
            f"{name}, line {begun}: a quoted field begins here and never ends; close it, or use --format tsv"
        )


def _split(record: str, delimiter: str, spans_lines: bool) -> tuple[list[str], list[str]] | None:
    """The fields of a record and what stands between them; None where its last field is quoted and goes on."""
    fields, at = [], 0
    while True:
        found = _QUOTED.match(record, at)
        if found and record[found.end() : found.end() + 1] in ("", delimiter):
            end = found.end()
        elif spans_lines and _OPEN.match(record, at):
            return None
        else:
            end = record.find(delimiter, at)
            end = len(record) if end < 0 else end
        fields.append(record[at:end])
        if end >= len(record):
            return fields, [delimiter] * (len(fields) - 1)
        at = end + 1


def check_columns(job: Job, names: Iterable[str]) -> tuple[str, ...]:
    """The columns that are to be translated. OptionError where none is named, or one that is not there."""
    names = list(names)
    there = ", ".join(names[:20]) + (" …" if len(names) > 20 else "")
    if not job.columns:
        raise OptionError(f"{job.name}: name the columns to translate with --column; it has: {there}")
    for column in job.columns:
        if column not in names:
            raise OptionError(f"{job.name} has no column '{column}'; it has: {there}")
    return tuple(dict.fromkeys(job.columns))


def translate_jsonl(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate members of the objects of a JSON Lines file; `--column a.b` names a member of a member.

    InputError naming the line that is not JSON; OptionError where no column is named, or none of the first line's.
    """
    lines = enumerate(read_lines(source, job.name), 1)
    checked = False
    while chunk := list(itertools.islice(lines, TEXTS_AT_ONCE)):
        works: list[Work] = []
        edits: list[list[Edit]] = [[] for _ in chunk]
        for place, (number, (text, _)) in enumerate(chunk):
            if not text.strip():
                continue
            found = json_strings(text, f"{job.name}, line {number}")
            if not checked:
                _check_members(job, text)
                checked = True
            ascii_only = text.isascii() and "\\u" in text
            for path, start, end, value in found:
                if path in job.columns:
                    works.append(_placed(place, start, end, value, ascii_only, edits))
        carry_out(works, job.translate)
        for (_, (text, line_end)), made in zip(chunk, edits, strict=True):
            output.write((apply_edits(text, made) + line_end).encode())


def _placed(place: int, start: int, end: int, value: str, ascii_only: bool, edits: list[list[Edit]]) -> Work:
    """A work whose edit belongs to one of many lines: it is put there."""
    edits[place] += yield from plain_work(start, end, value, lambda new: write_json(new, ascii_only))
    return []


def _check_members(job: Job, line: str) -> None:
    record = json.loads(line, parse_int=str)
    names = list(record) if isinstance(record, dict) else []
    if not job.columns:
        check_columns(job, names)
    for column in job.columns:
        if column.partition(".")[0] not in names:
            check_columns(job, [*names])


def translate_parquet(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate text columns of a Parquet file, a row group at a time; schema, metadata, order and nulls stay.

    InputError where it is damaged or a column holds no text; OptionError as for CSV; MissingPackageError without pyarrow.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise missing_package("pyarrow", "Parquet") from error
    try:
        file = pq.ParquetFile(source)
        schema = file.schema_arrow
        for column in check_columns(job, schema.names):
            kind = schema.field(column).type
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                raise InputError(f"{job.name}: the column '{column}' holds {kind}, not text")
        packing = file.metadata.row_group(0).column(0).compression if file.num_row_groups else "SNAPPY"
        packing = "NONE" if packing == "UNCOMPRESSED" else packing
        with pq.ParquetWriter(output, schema, compression=packing) as writer:
            for number in range(file.num_row_groups):
                writer.write_table(_translate_group(file.read_row_group(number), job))
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"{job.name} cannot be read as Parquet ({said}); write it anew") from error


def _translate_group(table: Any, job: Job) -> Any:
    import pyarrow as pa

    for column in dict.fromkeys(job.columns):
        values = table.column(column).to_pylist()
        works = (plain_work(place, place, value, str) for place, value in enumerate(values) if value)
        for place, _, new in carry_out(works, job.translate):
            values[place] = new
        field = table.schema.field(column)
        table = table.set_column(table.schema.get_field_index(column), field, pa.array(values, field.type))
    return table
