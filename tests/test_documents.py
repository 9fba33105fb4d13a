"""Cutting lines into segments, and plain text in and out."""

from __future__ import annotations

import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indictrans_cli.documents.segment import MAX_CHARACTERS, split_line
from indictrans_cli.documents.text import read_lines, translate_text
from indictrans_cli.errors import InputError


@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        ("It is late. Go home!", ["It is late.", "Go home!"]),
        ("He paid Rs. 1,87,500 for it. We laughed.", ["He paid Rs. 1,87,500 for it.", "We laughed."]),
        ("Dr. Rao met Mrs. J. R. Sen at 5 p.m. on Monday.", ["Dr. Rao met Mrs. J. R. Sen at 5 p.m. on Monday."]),
        ("We met at 5 p.m. He was late.", ["We met at 5 p.m.", "He was late."]),
        ("It grew by 3.5 percent. Sales fell.", ["It grew by 3.5 percent.", "Sales fell."]),
        ('"Stop!" She ran. "Why?" he asked.', ['"Stop!"', "She ran.", '"Why?" he asked.']),
        ("Pens, paper, etc. are sold here.", ["Pens, paper, etc. are sold here."]),
        ("Bring pens, paper, etc. We have none.", ["Bring pens, paper, etc.", "We have none."]),
        ("1. Open the box. 2. Close it.", ["1. Open the box.", "2. Close it."]),
        ("See Fig. 3 and No. 12.", ["See Fig. 3 and No. 12."]),
        ("Visit example.com. It is free.", ["Visit example.com.", "It is free."]),
        ("Wait... What?", ["Wait...", "What?"]),
        ("So did I. Then we left.", ["So did I.", "Then we left."]),
        ("no stop at all", ["no stop at all"]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(line: str, sentences: list[str]) -> None:
    assert [segment.text for segment in split_line(line)] == sentences


@given(st.text(alphabet=st.sampled_from("aB. ,;!?\"'1क।\t "), max_size=300))
def test_the_segments_of_a_line_are_the_line(line: str) -> None:
    assert "".join(segment.text + segment.gap for segment in split_line(line)) == line


@pytest.mark.parametrize(
    "line",
    [
        "word " * 2000,
        "x" * 5000,
        "a clause, and another clause; " * 200,
        "।" * 2000,
        "x" * 390 + "," + " " * 30 + "y" * 300,
    ],
)
def test_no_segment_is_longer_than_the_limit(line: str) -> None:
    segments = split_line(line.strip())
    assert max(len(segment.text) for segment in segments) <= MAX_CHARACTERS
    assert "".join(segment.text + segment.gap for segment in segments) == line.strip()


@pytest.mark.parametrize("line", ["." * 60_000, "a" * 60_000 + " b. C", "a. " * 30_000, "?! " * 30_000])
def test_a_hostile_line_is_cut_in_no_time(line: str) -> None:
    started = time.monotonic()
    assert "".join(segment.text + segment.gap for segment in split_line(line)) == line
    assert time.monotonic() - started < 3


def test_long_sentences_are_cut_at_clauses_where_there_are_some() -> None:
    line = "This clause has a few more words in it, " * 30
    segments = split_line(line.strip())
    assert all(segment.text.endswith(",") for segment in segments)


def through(raw: bytes, lines_at_once: int = 3) -> bytes:
    shout = translate_text(io.BytesIO(raw), "it", lambda lines: [line.upper() for line in lines], lines_at_once)
    return "".join(shout).encode()


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"a", b"a\n", b"a\r\nb\r\n", b"a\n\n\nb", b"a\nb\nc\nd\ne\nf\ng", b"\r\n\n", b" a \n"]
)
def test_line_ends_and_blank_lines_come_back_as_they_came(raw: bytes) -> None:
    assert through(raw) == raw.upper()


def test_a_byte_order_mark_is_dropped() -> None:
    assert list(read_lines(io.BytesIO(b"\xef\xbb\xbfa\n"), "it")) == [("a", "\n")]


def test_bytes_that_are_not_utf8_are_named_by_line_and_place() -> None:
    with pytest.raises(InputError, match=r"letter\.txt, line 2: byte 4 \(0xe9\) is not UTF-8.*iconv"):
        list(read_lines(io.BytesIO(b"plain\ncaf\xe9\n"), "letter.txt"))
