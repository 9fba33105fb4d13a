"""The one normalisation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indictrans_cli.text import devanagari_share, normalize


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("  two   spaces ", "two spaces"),
        ("“Quotes” and ‘more’", "\"Quotes\" and 'more'"),
        ("nul\x00 bell\x07", "nul bell"),
        ("\u202eabc\u202c", "abc"),
        ("soft\u00adhyphen", "softhyphen"),
        ("zero\u200bwidth", "zero width"),
        ("क्\u200dष", "क्\u200dष"),  # a joiner that shapes a conjunct
        ("a\u200db", "ab"),
        ("\u0958", "क\u093c"),
        ("e\u0301", "é"),
        ("tab\tand\nline", "tab and line"),
        ("a \x00 b", "a b"),
        ("a \u200d b", "a b"),
    ],
)
def test_text_takes_the_form_models_see(text: str, plain: str) -> None:
    assert normalize(text) == plain


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


@pytest.mark.parametrize(("text", "share"), [("", 0.0), ("123", 0.0), ("abc", 0.0), ("पानी", 1.0), ("कखab", 0.5)])
def test_the_share_of_devanagari_is_among_letters(text: str, share: float) -> None:
    assert devanagari_share(text) == share
