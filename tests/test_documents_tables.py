# ruff: noqa: E501 (documents stand here as their files are)
"""Tables and subtitles: columns by name, in constant memory; cues with their times, in lines of the usual length."""

from __future__ import annotations

import csv
import io
import json
import time
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pysubs2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indictrans_cli.documents.base import Job
from indictrans_cli.documents.subtitles import shown_length, wrap
from indictrans_cli.documents.tables import translate_csv
from indictrans_cli.errors import InputError, OptionError
from tests.documents import mark, same, shout, through


def test_csv_translates_a_column_and_keeps_quoting_and_line_ends() -> None:
    raw = 'id,"text",n\r\n1,"a ""b"", c",x\r\n2,plain,"y"\r\n3,"two\nlines",z\r\n4\r\n5,,\r\n'
    expected = raw.replace('a ""b"", c', 'A ""B"", C').replace("plain", "PLAIN").replace("two\nlines", "TWO\nLINES")
    assert through("csv", raw, shout, "text").decode() == expected
    assert through("csv", raw, shout, "2").decode() == expected.replace('"text"', '"TEXT"')
    assert through("csv", b"\xef\xbb\xbfa;b\nx;y\n", shout, "b") == b"\xef\xbb\xbfa;b\nx;Y\n"
    assert through("csv", "a,b\nx,y\n", lambda texts: ["1, 2" for _ in texts], "b") == b'a,b\nx,"1, 2"\n'


@given(
    rows=st.lists(st.lists(st.text(alphabet='aB,;"\n\t ', max_size=6), min_size=2, max_size=2), min_size=1, max_size=8),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_python_writes_as_csv_it_reads_again_translated(rows: list[list[str]], quoting: int, end: str) -> None:
    output = io.StringIO()
    writer = csv.writer(output, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerows([["k,k", "t,t"], *rows])
    raw = output.getvalue()
    assert through("csv", raw, same, "t,t").decode() == raw
    read = list(csv.reader(io.StringIO(through("csv", raw, shout, "t,t").decode(), newline="")))
    assert read == [["k,k", "t,t"], *([key, text.upper()] for key, text in rows)]


def test_tsv_takes_quotes_as_they_come() -> None:
    raw = 'id\ttext\n1\t"Hello" he said\n2\t"open\n3\t"quoted"\n'
    assert through("tsv", raw, shout, "text").decode() == raw.replace('Hello" he said', 'HELLO" HE SAID').replace(
        "open", "OPEN"
    ).replace("quoted", "QUOTED")


def test_a_table_is_translated_in_constant_memory() -> None:
    class Rows(io.RawIOBase):
        """Twenty megabytes of rows, made as they are read."""

        def __init__(self) -> None:
            self.left = 200_000

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, at: int, whence: int = 0) -> int:
            self.left = 200_000
            return at

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            if not self.left:
                return 0
            row = b"a,b\n" if self.left == 200_000 else b"key,%s\n" % (b"some words " * 8)
            buffer[: len(row)] = row
            self.left -= 1
            return len(row)

    class Sink(io.RawIOBase):
        written = 0

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.written += len(data)
            return len(data)

    sink = Sink()
    tracemalloc.start()
    translate_csv(io.BufferedReader(Rows()), sink, Job("'it'", shout, columns=("b",)))  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sink.written > 18_000_000
    assert peak < 5_000_000


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ((), "name the columns to translate with --column; it has: id, text"),
        (("no",), "has no column 'no'; it has: id, text"),
        (("3",), "has the columns 1 to 2; --column 3 is not among them"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_those_that_are(columns: tuple[str, ...], says: str) -> None:
    with pytest.raises(OptionError) as caught:
        through("csv", "id,text\n1,a\n", shout, *columns)
    assert says in str(caught.value)


def test_a_quote_that_never_ends_is_named_by_its_line() -> None:
    with pytest.raises(InputError, match="'it', line 3: a quoted field begins here and never ends"):
        through("csv", 'a,b\n1,2\n3,"four\n5,6\n', shout, "b")


def test_a_hostile_table_is_refused_in_no_time() -> None:
    started = time.monotonic()
    for line in ('x,"y\n', 'x,"y" z\n', "x\n"):
        with pytest.raises(InputError, match="line 2: a quoted field begins here"):
            through("csv", 'a,b\n1,"open\n' + line * 200_000, same, "b")
    assert time.monotonic() - started < 10


def test_json_lines_keep_everything_but_the_member() -> None:
    raw = '{"id": 1,  "t": {"en": "a word"}}\r\n\n{"t": {"en": "b \\u00e9"}, "x": "no"}\n{"y": 2}'
    expected = raw.replace("a word", "A WORD").replace("b \\u00e9", "B \\u00c9")
    assert through("jsonl", raw, shout, "t.en").decode() == expected
    with pytest.raises(OptionError, match=r"name the columns.*it has: id, t"):
        through("jsonl", raw)
    with pytest.raises(OptionError, match="no column 'nothing'"):
        through("jsonl", raw, shout, "nothing")
    with pytest.raises(InputError, match="'it', line 2: this is not JSON"):
        through("jsonl", '{"t": "a"}\n{"t": \n', shout, "t")


def test_parquet_keeps_schema_metadata_groups_and_nulls() -> None:
    table = pa.table({"id": [1, 2, 3], "t": ["a word", None, ""], "n": [1.5, None, 2.0]})
    table = table.replace_schema_metadata({"made": "here"})
    raw = io.BytesIO()
    pq.write_table(table, raw, row_group_size=2, compression="zstd")
    new = pq.ParquetFile(io.BytesIO(through("parquet", raw.getvalue(), shout, "t")))
    assert new.read().to_pydict() == {"id": [1, 2, 3], "t": ["A WORD", None, ""], "n": [1.5, None, 2.0]}
    assert (new.num_row_groups, new.metadata.row_group(0).column(0).compression) == (2, "ZSTD")
    assert new.schema_arrow.metadata[b"made"] == b"here"
    with pytest.raises(InputError, match="column 'n' holds double, not text"):
        through("parquet", raw.getvalue(), shout, "n")


SRT = """1
00:00:01,000 --> 00:00:02,500 X1:1
<i>Hello there</i>,
my friend

2
00:00:03,000 --> 00:00:04,000
- Who is it?
- It is me.

3
00:00:05,000 --> 00:00:06,000
{\\an8}12:30
"""


def test_srt_keeps_times_tags_and_speakers() -> None:
    expected = SRT.replace("<i>Hello there</i>,\nmy friend", "<i>HELLO THERE</i>, MY FRIEND")
    expected = expected.replace("Who is it?", "WHO IS IT?").replace("It is me.", "IT IS ME.")
    assert through("srt", SRT).decode() == expected
    assert through("srt", SRT.replace("\n", "\r\n")).decode() == expected.replace("\n", "\r\n")


def test_lines_of_a_cue_are_no_longer_than_the_usual_and_of_like_length() -> None:
    raw = "1\n00:00:01,000 --> 00:00:02,000\nShort words\n"
    new = through(
        "srt", raw, lambda texts: ["यह एक बहुत लम्बा वाक्य है जो एक पंक्ति में नहीं आता और दो में आता है" for _ in texts]
    ).decode()
    lines = new.splitlines()[2:]
    assert len(lines) == 2
    assert max(map(shown_length, lines)) <= 42
    assert abs(shown_length(lines[0]) - shown_length(lines[1])) < 12


@given(st.lists(st.text(alphabet="abक्", min_size=1, max_size=9), min_size=1, max_size=30), st.integers(9, 50))
def test_wrapping_keeps_every_word_and_the_limit(words: list[str], limit: int) -> None:
    lines = wrap(" ".join(words), limit)
    assert " ".join(lines).split() == " ".join(words).split()
    assert all(shown_length(line) <= limit for line in lines)


def test_vtt_keeps_notes_styles_voices_and_references() -> None:
    raw = (
        "WEBVTT - A title\n\nNOTE a remark\n\nSTYLE\n::cue { color: red }\n\nid one\n"
        "00:01.000 --> 00:02.000 align:start\n<v Ann Lee>Salt &amp; <b>pepper</b></v>\n"
    )
    expected = raw.replace("Salt &amp; <b>pepper", "SALT &amp; <b>PEPPER")
    assert through("vtt", raw).decode() == expected


def test_ass_translates_dialogue_alone_and_pysubs2_reads_the_same_events(tmp_path: Path) -> None:
    raw = (
        "[Script Info]\nTitle: No\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Dialogue: 0,0:00:01.00,0:00:02.00,Default,Ann,0,0,0,,{\\i1}Hello{\\i0}, you,\\Nthere\n"
        "Comment: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,a remark\n"
        "Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\p1}m 0 0 l 1 1{\\p0}\n"
    )
    new = through("ass", raw).decode()
    assert new == raw.replace("Hello{\\i0}, you,\\Nthere", "HELLO{\\i0}, YOU, THERE")
    before, after = pysubs2.SSAFile.from_string(raw, format_="ass"), pysubs2.SSAFile.from_string(new, format_="ass")
    assert [(event.start, event.end, event.style, event.type) for event in after] == [
        (event.start, event.end, event.style, event.type) for event in before
    ]


def test_subtitles_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="no line holds a cue's times"):
        through("srt", "just text\n")
    with pytest.raises(InputError, match=r"no \[Events\] section"):
        through("ass", "just text\n")


def pdf(text: str) -> bytes:
    """A PDF of one page, by hand."""
    stream = "BT /F1 12 Tf 72 720 Td 14 TL " + " ".join(f"({line}) Tj T*" for line in text.split("\n")) + " ET"
    parts = [
        "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]  # fmt: skip
    out, places = "%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{part}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    return f"{out}xref\n0 6\n0000000000 65535 f \n{table}trailer << /Size 6 /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n".encode()


def test_pdf_becomes_paragraphs() -> None:
    raw = pdf(
        "A title\nThis is a line that goes on to the next and is part-\nly broken off. It ends here.\nA new one that is long enough to be full of it."
    )
    assert through("pdf", raw).decode() == (
        "A TITLE\n\nTHIS IS A LINE THAT GOES ON TO THE NEXT AND IS PARTLY BROKEN OFF. IT ENDS HERE.\n\n"
        "A NEW ONE THAT IS LONG ENOUGH TO BE FULL OF IT.\n\n\f\n"
    )
    with pytest.raises(InputError, match="holds no text, only pictures"):
        through("pdf", pdf(""))
    with pytest.raises(InputError, match="cannot be read as a PDF"):
        through("pdf", b"%PDF-1.4\nnothing")


def test_json_of_a_row_is_still_json() -> None:
    new = through("jsonl", '{"t": "a \\"b\\""}\n', mark, "t")
    assert json.loads(new) == {"t": 'यह a "b" है'}


def test_half_a_surrogate_pair_and_long_integers_come_through() -> None:
    raw = '{"a":"ह \\ud800 there","n":' + "1" * 5000 + "}\n"
    assert through("json", raw, shout).decode() == raw.replace("there", "THERE")
    assert through("jsonl", raw, shout, "a").decode() == raw.replace("there", "THERE")
    assert through("yaml", 'a: "hi \\ud800 there"\n', shout) == b'a: "HI \\ud800 THERE"\n'


def test_columns_named_twice_or_by_no_number() -> None:
    twice = lambda texts: [f"{text}+" for text in texts]  # noqa: E731
    assert through("csv", "a,b\nx,y\n", twice, "b", "b") == b"a,b\nx,y+\n"
    with pytest.raises(OptionError, match="no column"):
        through("csv", "a,b\nx,y\n", shout, "²")


def test_signs_of_less_and_more_in_a_cue_are_no_tag() -> None:
    raw = "1\n00:00:01,000 --> 00:00:02,000\nI <3 you and 5 > 4 <i>x</i>\n"
    assert b"I <3 YOU AND 5 > 4 <i>X</i>" in through("srt", raw, shout)
