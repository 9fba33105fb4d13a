"""Markdown and HTML: tags go with their words, code and links come through, structure is what it was."""

# ruff: noqa: E501 (documents stand here as their files are)
from __future__ import annotations

from collections import Counter

import lxml.html
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indictrans_cli.documents.align import Alignment, sentences
from indictrans_cli.documents.inline import Inline, Mark, Text
from indictrans_cli.errors import InputError
from tests.documents import lose, mark, same, shout, through, turn

PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>My page &amp; yours</title><style>p > a {}</style>
<meta name="description" content="About it"></head>
<body><p>The <b>red</b> car is
   <a href="x" title="A link">very fast</a>. Run <code>ls -l</code> now!<br>Next <i>line</p>
<p>un<b>believ</b>able<sup>1</sup> x<img src=a alt="A cat">.</p><script>if (a<b) {"Hi"}</script><pre>keep  me</pre>
<p translate="no">Brand Name</p><p>Hold <span class="notranslate">Brand Name</span> up.</p></body></html>"""


def tags(raw: bytes) -> Counter[str]:
    return Counter(
        f"{element.tag} {element.get('href')} {element.get('src')}" for element in lxml.html.fromstring(raw).iter()
    )


def test_html_keeps_tags_code_and_scripts_and_translates_what_is_read() -> None:
    new = through("html", PAGE, shout).decode()
    assert '<html lang="hi">' in new
    assert "<title>MY PAGE &amp; YOURS</title><style>p > a {}</style>" in new
    assert 'content="ABOUT IT"' in new
    assert (
        '<p>THE <b>RED</b> CAR IS\n   <a href="x" title="A LINK">VERY FAST</a>. RUN <code>ls -l</code> NOW!<br>NEXT <i>LINE</p>'
        in new
    )
    assert (
        '<p>UN<b>BELIEV</b>ABLE<sup>1</sup> X<img src=a alt="A CAT">.</p><script>if (a<b) {"Hi"}</script><pre>keep  me</pre>'
        in new
    )
    assert '<p translate="no">Brand Name</p><p>HOLD <span class="notranslate">Brand Name</span> UP.</p>' in new


def test_tags_follow_words_that_move() -> None:
    new = through("html", '<p>The <b>red</b> car of <a href="x">my old friend</a> stands there</p>', turn).decode()
    assert new == '<p>there stands <a href="x">friend old my</a> of car <b>red</b> The</p>'


@pytest.mark.parametrize("translate", [same, shout, turn, mark, lose])
def test_no_tag_is_lost_whatever_the_translator_says(translate: object) -> None:
    assert tags(through("html", PAGE, translate)) == tags(PAGE.encode())


def test_an_inflected_phrase_is_found_by_its_likeness() -> None:
    known = {"He buys the books today.": "वह आज किताबों को ख़रीदता है।"}
    alignment = Alignment("He buys the books today.", known)
    found = alignment.locate(12, 17, "किताबें", (0, len(alignment.target)), [])
    assert found is not None and alignment.target[slice(*found)] == "किताबों"


def test_a_page_in_an_old_encoding_holds_hindi_as_references() -> None:
    raw = '<meta charset="iso-8859-1"><p>caf\u00e9 time</p>'.encode("latin-1")
    assert "&#2351;&#2361; café time".encode("latin-1") in through("html", raw, mark)


def test_a_page_in_an_encoding_that_is_not_one_is_refused() -> None:
    with pytest.raises(InputError, match="declares the encoding 'nonsense'"):
        through("html", '<meta charset="nonsense"><p>a</p>')


def test_hostile_depth_and_width_are_translated_in_no_time() -> None:
    assert b"WORD" in through("html", "<p>" + "<b>" * 20_000 + "word" + "</b>" * 20_000 + "</p>")
    assert b"<i>WORD</i>" in through("html", "<p>" + "<i>word</i> " * 5000 + "</p>")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["word ", "two words. ", "x", "<b>", "</b>", "<i>", "</i>", "<br>", "{0} "]), max_size=14), st.sampled_from([shout, turn, mark]))  # fmt: skip
def test_every_mark_is_there_once_and_pairs_stay_pairs(parts: list[str], translate: object) -> None:
    names = {"<b>": "open", "</b>": "close", "<i>": "open", "</i>": "close", "<br>": "void"}
    tokens = [Mark(part, names[part], name=part.strip("</>")) if part in names else Text(part, part) for part in parts]  # type: ignore[arg-type]
    inline = Inline(tokens)
    known = dict(zip(inline.texts(), translate(inline.texts()), strict=True))  # type: ignore[operator]
    new = inline.render(known)
    assert new is not None
    assert Counter(part for part in names for _ in range(new.count(part))) == Counter(
        part for part in parts if part in names
    )
    for end in ("b", "i"):  # what was well-formed still is
        if "".join(parts).count(f"<{end}>") == 1 and f"</{end}>" in "".join(parts).partition(f"<{end}>")[2]:
            assert f"</{end}>" in new.partition(f"<{end}>")[2]


@given(st.text(alphabet="aB. !?\n", max_size=60))
def test_the_sentences_of_a_text_stand_where_they_are_said_to(text: str) -> None:
    for start, sentence in sentences(text):
        assert text[start : start + len(sentence)] == sentence


NOTES = """---
title: "Hello"
---
# The *big* title #

A paragraph with **bold words** and `code here`,
over two [lines with a link](http://a.b/c "T") and [ref text][r], [r] too.
See <https://x.org/a_b> and $a+b$.

> Quoted text
> over two lines.

- [ ] a task
- item with `x`
  and continuation

1. One\\
   two

| Head | Other |
|------|:-----:|
| a cell | b \\| c |

```python
print("no")
```

    indented code

![An image](x.png) snake_case_word and __strong__.

Setext title
============

<div align="center">
  <p>Hello <b>there</b></p>
</div>

[r]: http://r.example/ "Title"
Last.[^1]

[^1]: A note.
"""


def test_markdown_keeps_code_links_and_layout() -> None:
    expected = NOTES
    for old in (
        "The *big* title", "A paragraph with **bold words** and ", "over two [lines with a link]", " and [ref text]", " too.",
        "See <", "> and $", "Quoted text", "over two lines.", "a task", "item with ", "and continuation", "One\\", "   two", "Head", "Other",
        "a cell", "b \\| c", "An image", "snake_case_word and __strong__", "Setext title", "Hello <b>there</b>", "Last.", "A note.",
    ):  # fmt: skip
        new = old.upper().replace("<B>", "<b>").replace("</B>", "</b>")
        expected = expected.replace(old, new) if old != "Head" else expected.replace("| Head", "| HEAD")
    expected = (
        expected.replace("[r] TOO", "[R][r] TOO")
        .replace('title: "HELLO"', 'title: "Hello"')
        .replace("SEE <HTTPS", "SEE <https")
    )
    assert through("markdown", NOTES).decode() == expected


@pytest.mark.parametrize("translate", [shout, turn, mark, lose])
def test_markdown_has_the_same_blocks_and_the_same_inline_parts(translate: object) -> None:
    from markdown_it import MarkdownIt

    def outline(text: str) -> list[object]:
        blocks = MarkdownIt("commonmark").enable(["table"]).parse(text.partition("---\n# ")[2])
        parts = {"code_inline", "link_open", "em_open", "strong_open", "image", "html_inline"}
        return [
            (block.type, block.content if block.type in ("fence", "code_block") else "",
             Counter((child.type, str(child.attrs.get("href"))) for child in block.children or [] if child.type in parts))
            for block in blocks
        ]  # fmt: skip

    assert outline(through("markdown", NOTES, translate).decode()) == outline(NOTES)


def test_a_translation_that_would_be_markdown_is_escaped() -> None:
    assert through("markdown", "plain words\n", lambda texts: ["# *starred* and [x](y)" for _ in texts]) == (
        b"plain words\n"  # a heading cannot be escaped away: better untranslated than another structure
    )
    assert (
        through("markdown", "plain words\n", lambda texts: ["*starred* `and`" for _ in texts])
        == b"\\*starred\\* \\`and\\`\n"
    )


def test_windows_line_ends_stay() -> None:
    assert through("markdown", "# A b\r\n\r\nc d\r\ne f\r\n") == b"# A B\r\n\r\nC D\r\nE F\r\n"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('<ul><li translate="no">Two<li>Three</ul>', '<ul><li translate="no">Two<li>THREE</ul>'),
        ("<ul><li translate=no>Two <b>x</ul><p>four", "<ul><li translate=no>Two <b>x</ul><p>FOUR"),
        (
            "<ul><li translate=no>a<ul><li>x<li>y</ul>z<li>b</ul>",
            "<ul><li translate=no>a<ul><li>x<li>y</ul>z<li>B</ul>",
        ),
        ("<p>Hold <span translate=no>Brand<p>Next", "<p>HOLD <span translate=no>Brand<p>NEXT"),
        ("<table><tr><td translate=no>a<td>b<tr><td>c", "<table><tr><td translate=no>a<td>B<tr><td>C"),
        ("<div translate=no>a</p>b</div>c", "<div translate=no>a</p>b</div>C"),
    ],
)
def test_what_is_kept_ends_where_html_says_it_does(raw: str, expected: str) -> None:
    assert through("html", raw, shout).decode() == expected


def test_a_lone_carriage_return_ends_a_line_of_markdown() -> None:
    assert through("markdown", "Hello one\rTwo three\r\rFour five\r", shout) == b"HELLO ONE\rTWO THREE\r\rFOUR FIVE\r"
