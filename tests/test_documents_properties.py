"""What holds for every format, whatever is in the file: the property tests."""

# ruff: noqa: E501 (the table of pieces reads best as a table)
from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from indictrans_cli.errors import CtxError
from tests.documents import lose, same, shout, through, turn

#: what each format's syntax is made of, so that random files are about something
PIECES: dict[str, list[str]] = {
    "text": ["a b. ", "\n", "\r\n", "\t"],
    "markdown": ["# ", "word ", "*", "**", "_", "`", "```", "\n", "\n\n", "    ", "- ", "1. ", "> ", "[", "](u)", "[r]: /x\n",
                 "[r]", "![", "|", "|---|---|\n", "<b>", "</b>", "\\", "&amp;", "---\n", "http://a.b/c", "  \n", "\r\n", "$"],
    "html": ["<p>", "</p>", "<b>", "</b>", "<i title='a b'>", "word ", "&amp;", "&nbsp;", "&", "<", ">", "<br/>", "<!-- c -->",
             "<script>", "</script>", "<code>", "</code>", "\n", '<img alt="a cat">', "<a href=x>", "</a>", "<!doctype html>"],
    "srt": ["1\n", "00:00:01,000 --> 00:00:02,000\n", "Hello ", "- ", "\n", "\r\n", "<i>", "</i>", "{\\an8}", "word ", "\n\n"],
    "vtt": ["WEBVTT\n\n", "00:01.000 --> 00:02.000\n", "<v Ann>", "Hello ", "</v>", "&amp;", "\n", "\n\n", "NOTE x\n", "- "],
    "ass": ["[Events]\n", "Format: A, Text\n", "Dialogue: 0,", "Hello ", "\\N", "{\\i1}", "{\\p1}", "\n", ",", "[Fonts]\n"],
    "json": ["{", "}", "[", "]", ":", ",", '"a"', '"a word"', '"\\u0041 \\n"', "1", "true", " ", "\n", '"@id"'],
    "yaml": ["a: ", "- ", "word ", "'it''s' ", '"q" ', "|\n", ">\n", "  ", "\n", "# c\n", "{", "}", "[", "]", ", ", "&x ", "*x ",
             "!!str ", "---\n", "12 "],
    "properties": ["key", "=", ": ", "value ", "\\\n", "\\u0041", "\n", "# c\n", "! c\n", "  ", "\\\\", "\r\n"],
    "strings": ['"key"', " = ", '"a value"', ";", "\n", "/* c */", "// c\n", '"\\"q\\""', "name"],
    "android": ["<string name='a'>It\\'s <b>big</b> word</string>", "<string name='b'><![CDATA[a <i>b</i>]]></string>", "\n  ",
                "<plurals name='p'><item quantity='one'>%d day</item></plurals>", '<string name="c">"A &lt;b"\\n &x; c</string>',
                "<!-- c -->", "<string name='d' translatable='false'>No</string>", "<string name='e'>@string/a</string>",
                "<string name='f'>Hi <xliff:g id='n'>%s</xliff:g>\n  there</string>", "<string name='g'/>", "<string>"],
    "po": ['msgid ""\n', 'msgid "a word"\n', 'msgstr ""\n', 'msgstr "x"\n', 'msgid_plural "words"\n', 'msgstr[0] ""\n', 'msgstr[1] ""\n',
           '"more\\n"\n', "#, fuzzy\n", "#~ x\n", "\n", 'msgctxt "c"\n', "# c\n"],
    "xliff": ["<trans-unit><source>A word</source></trans-unit>", "<trans-unit><source>a <g id='1'>b</g> c</source><target/></trans-unit>",
              "<unit><segment state='initial'><source>x <ph id='2'/> y<pc id='3'>z</pc></source></segment></unit>", "\n ", "<x>",
              "<trans-unit><source>a <bpt id='1'>[</bpt>b c<ept id='1'>]</ept></source><target state='new'></target></trans-unit>",
              "<file source-language='en'>", "</file>", "<trans-unit translate='no'><source>no</source></trans-unit>"],
    "tmx": ["<tu><tuv xml:lang='en'><seg>a word</seg></tuv></tu>", "<tu>\n <tuv xml:lang='EN-US'><seg>a<ph x='1'/> b</seg></tuv></tu>",
            "<tu><tuv xml:lang='en'><seg>c</seg></tuv><tuv xml:lang='hi'><seg>ग</seg></tuv></tu>", "<tu/>", "\n", "<seg>"],
}  # fmt: skip


ROOTS = {"android": "resources", "xliff": "xliff", "tmx": "tmx"}
VALUES = st.recursive(
    st.one_of(st.text(alphabet="aB é:#'\"\\,{[&*|>%-\n", max_size=12), st.integers(), st.booleans(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text("ab@", max_size=3), inner, max_size=4)
    ),
    max_leaves=10,
)


def files(name: str) -> st.SearchStrategy[str]:
    """Random files of a format: its pieces in any order, or values as the format's own library writes them."""
    pieces = st.lists(st.sampled_from([*PIECES[name], "é", "क", "x"]), max_size=30).map("".join)
    if name in ROOTS:
        return pieces.map(lambda inside: f"<{ROOTS[name]}>{inside}</{ROOTS[name]}>")
    if name == "json":
        return st.one_of(
            pieces, st.builds(json.dumps, VALUES, indent=st.sampled_from([None, 1]), ensure_ascii=st.booleans())
        )
    if name == "yaml":
        styles = st.sampled_from([None, "'", '"', "|", ">"])
        flows = st.sampled_from([None, True, False])
        written = st.builds(
            yaml.safe_dump, VALUES, default_style=styles, default_flow_style=flows, width=st.integers(5, 80)
        )
        return st.one_of(pieces, written)
    return pieces


@pytest.mark.parametrize("name", PIECES)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_a_file_whose_translation_is_itself_comes_back_byte_for_byte(name: str, data: st.DataObject) -> None:
    raw = data.draw(files(name)).encode()
    try:
        assert through(name, raw, same) == raw
    except CtxError as error:
        assert str(error).startswith("'it'")


@pytest.mark.parametrize("name", PIECES)
@pytest.mark.parametrize("translate", [shout, turn, lose])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_file_is_translated_or_refused_in_one_sentence(
    name: str, translate: Callable[[list[str]], list[str]], data: st.DataObject
) -> None:
    raw = data.draw(files(name))
    try:
        through(name, raw, translate)
    except CtxError as error:
        assert str(error).startswith("'it'")


@pytest.mark.parametrize(
    "name", [name for name in PIECES if name not in ("text", "html", "markdown", "srt", "vtt", "ass")]
)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_what_could_be_read_can_be_read_when_translated(name: str, data: st.DataObject) -> None:
    raw = data.draw(files(name))
    try:
        once = through(name, raw, shout)
    except CtxError:
        return
    assert through(name, once, same) == once


@pytest.mark.parametrize(
    "name", [*PIECES, "docx", "pptx", "xlsx", "odf", "epub", "parquet", "pdf", "csv", "tsv", "jsonl"]
)
@pytest.mark.parametrize(
    "raw", [b"\xff\xfe\x00", b"\x00" * 50, b"PK\x03\x04 not really", b"%PDF-1.4 no", b"<a><b></a>", b"{"]
)
def test_what_is_damaged_is_one_sentence_or_comes_through(name: str, raw: bytes) -> None:
    try:
        through(name, raw, same, "a")
    except CtxError as error:
        assert str(error).startswith("'it'")
        assert "\n" not in str(error)


def spoken(value: object) -> object:
    """A value with all its texts in capitals, save what stands under a name that begins with `@`."""
    if isinstance(value, str):
        return value.upper()
    if isinstance(value, list):
        return [spoken(each) for each in value]
    if isinstance(value, dict):
        return {key: each if key.startswith("@") else spoken(each) for key, each in value.items()}
    return value


@settings(max_examples=300, deadline=None)
@given(value=VALUES, indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_json_means_the_same_with_its_texts_translated(value: object, indent: int | None, ascii_only: bool) -> None:
    raw = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert json.loads(through("json", raw, shout)) == spoken(value)


def test_yaml_means_the_same_with_its_texts_translated() -> None:
    from ruamel.yaml import YAML

    def shouted(value: object) -> object:
        if isinstance(value, str):
            return value.upper()
        if isinstance(value, list):
            return [shouted(each) for each in value]
        return {key: shouted(each) for key, each in value.items()} if isinstance(value, dict) else value

    @settings(max_examples=300, deadline=None)
    @given(
        value=st.dictionaries(st.text("ab", max_size=3), VALUES, min_size=1, max_size=4),
        style=st.sampled_from([None, "'", '"', "|", ">"]),
        flow=st.sampled_from([None, True, False]),
    )
    def check(value: object, style: str | None, flow: bool | None) -> None:
        raw = yaml.safe_dump(value, default_style=style, default_flow_style=flow, allow_unicode=True, width=30)
        expected = shouted(YAML(typ="safe", pure=True).load(raw))
        assert YAML(typ="safe", pure=True).load(through("yaml", raw, shout).decode()) == expected

    check()
