# ruff: noqa: E501 (documents stand here as their files are)
"""Programs' strings and translators' files, read again by translate-toolkit and msgfmt."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from translate.storage.factory import getobject
from translate.storage.properties import javafile

from indictrans_cli.errors import InputError, OptionError
from tests.documents import mark, same, shout, through

PO = r"""# Translators
#, fuzzy
msgid ""
msgstr ""
"Project-Id-Version: x\n"
"PO-Revision-Date: 2024-01-01 00:00+0000\n"
"Last-Translator: A <a@b.c>\n"
"Language-Team: none\n"
"Language: \n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=CHARSET\n"
"Content-Transfer-Encoding: 8bit\n"
"Plural-Forms: nplurals=INTEGER; plural=EXPRESSION;\n"

#: a.c:1
#, c-format
msgid "Hello %s, \"friend\""
msgstr ""

msgctxt "menu"
msgid "Done already"
msgstr "हो चुका"

#, fuzzy
msgid "A guess"
msgstr "अनुमान"

msgid "%d day"
msgid_plural "%d days"
msgstr[0] ""
msgstr[1] ""

msgid ""
"\n"
"Two lines\n"
"of text\n"
msgstr ""

#~ msgid "old"
#~ msgstr ""
"""


def test_po_fills_what_is_missing_and_touches_nothing_else() -> None:
    new = through("po", PO, mark).decode()
    expected = (
        PO.replace("Language: \\n", "Language: hi\\n")
        .replace("CHARSET", "UTF-8")
        .replace("nplurals=INTEGER; plural=EXPRESSION;", "nplurals=2; plural=(n != 1);")
    )
    expected = expected.replace('\\"friend\\""\nmsgstr ""', '\\"friend\\""\nmsgstr "यह Hello %s, \\"friend\\" है"')
    expected = expected.replace('msgstr[0] ""\nmsgstr[1] ""', 'msgstr[0] "यह %d day है"\nmsgstr[1] "यह %d days है"')
    assert new == expected


def test_po_of_several_lines_is_written_as_gettext_does() -> None:
    assert through("po", 'msgid ""\n"\\n"\n"Two lines\\n"\n"of text\\n"\nmsgstr ""\n').decode() == (
        'msgid ""\n"\\n"\n"Two lines\\n"\n"of text\\n"\nmsgstr ""\n"\\n"\n"TWO LINES\\n"\n"OF TEXT\\n"\n'
    )


@pytest.mark.skipif(shutil.which("msgfmt") is None, reason="gettext is not installed: apt-get install gettext")
def test_msgfmt_accepts_what_comes_out(tmp_path: Path) -> None:
    (tmp_path / "hi.po").write_bytes(
        through(
            "po",
            PO.replace('#, fuzzy\nmsgid ""', 'msgid ""', 1),
            lambda texts: [f"\n{each.strip()} है\n" for each in texts],
        )
    )
    done = subprocess.run(
        ["msgfmt", "--check", "--statistics", "-o", str(tmp_path / "hi.mo"), str(tmp_path / "hi.po")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "4 translated messages, 1 fuzzy" in done.stderr


def test_a_line_that_is_not_of_po_is_named() -> None:
    with pytest.raises(InputError, match="'it', line 3: this is no line of a PO file"):
        through("po", 'msgid "a"\nmsgstr ""\nmsgsrt "b"\n')


XLIFF = """<?xml version="1.0" encoding="UTF-8"?>
<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2"><file original="a" source-language="en" datatype="plaintext"><body>
  <trans-unit id="1">
    <source>The <g id="1">red</g> car &amp; <x id="2"/></source>
  </trans-unit>
  <trans-unit id="2"><source>Done</source><target>हो चुका</target></trans-unit>
  <trans-unit id="3"><source>Empty</source><target state="new"/></trans-unit>
  <trans-unit id="4" translate="no"><source>Brand</source></trans-unit>
</body></file></xliff>
"""


def test_xliff_gets_the_targets_it_lacks_with_their_codes(tmp_path: Path) -> None:
    new = through("xliff", XLIFF).decode()
    assert (
        '<source>The <g id="1">red</g> car &amp; <x id="2"/></source>\n    <target>THE <g id="1">RED</g> CAR &amp; <x id="2"/></target>\n  </trans-unit>'
        in new
    )
    assert '<target state="translated">EMPTY</target>' in new
    assert "<source>Brand</source></trans-unit>" in new
    assert 'datatype="plaintext" target-language="hi">' in new
    (tmp_path / "a.xlf").write_text(new, encoding="utf-8")
    units = getobject(str(tmp_path / "a.xlf")).units
    assert [str(unit.target).strip() for unit in units] == ["THE RED CAR &", "हो चुका", "EMPTY", "None"]


def test_xliff_2_gets_a_target_in_its_segment() -> None:
    raw = '<xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.0" srcLang="en"><file id="f"><unit id="1"><segment state="initial"><source>Hello <pc id="1">there</pc></source></segment></unit></file></xliff>'
    new = through("xliff", raw).decode()
    assert (
        '<segment state="translated"><source>Hello <pc id="1">there</pc></source><target>HELLO <pc id="1">THERE</pc></target>'
        in new
    )
    assert 'srcLang="en" trgLang="hi">' in new


def test_tmx_gets_the_variant_it_lacks(tmp_path: Path) -> None:
    raw = '<tmx version="1.4"><header srclang="en" adminlang="en" creationtool="x" creationtoolversion="1" segtype="sentence" datatype="plaintext" o-tmf="x"/><body>\n<tu>\n <tuv xml:lang="en-US"><seg>Hello</seg></tuv>\n</tu><tu><tuv xml:lang="en"><seg>a</seg></tuv><tuv xml:lang="hi"><seg>ए</seg></tuv></tu></body></tmx>'
    new = through("tmx", raw)
    assert new.decode() == raw.replace(
        "Hello</seg></tuv>", 'Hello</seg></tuv>\n <tuv xml:lang="hi"><seg>HELLO</seg></tuv>'
    )
    (tmp_path / "a.tmx").write_bytes(new)
    assert getobject(str(tmp_path / "a.tmx")).units[0].gettarget("hi") == "HELLO"


def test_properties_keep_keys_comments_and_escapes(tmp_path: Path) -> None:
    raw = "# A comment \\\n! another\nkey = A value\nlong: goes \\\n    on here\nempty=\nflag\npath\\ name=C\\:\\\\dir caf\\u00e9\n"
    new = through("properties", raw).decode()
    assert (
        new
        == "# A comment \\\n! another\nkey = A VALUE\nlong: GOES ON HERE\nempty=\nflag\npath\\ name=C:\\\\DIR CAF\\u00c9\n"
    )
    (tmp_path / "a.properties").write_text(through("properties", raw, mark).decode("ascii"), encoding="ascii")
    assert javafile.parsefile(str(tmp_path / "a.properties")).units[0].source == "यह A value है"
    assert through("properties", "a=caf\u00e9 b", mark).decode() == "a=यह caf\u00e9 b है"


def test_apple_strings_in_both_encodings() -> None:
    raw = '/* A "comment" = "x"; */\n"key %@" = "A \\"big\\" value\\n";\n// done\nplain = "b";\n'
    expected = raw.replace('A \\"big\\" value', 'A \\"BIG\\" VALUE').replace('"b"', '"B"')
    assert through("strings", raw).decode() == expected
    assert through("strings", b"\xff\xfe" + raw.encode("utf-16-le")) == b"\xff\xfe" + expected.encode("utf-16-le")
    with pytest.raises(InputError, match="line 2: expected"):
        through("strings", '"a" = "b";\n"c" "d";\n')


def test_android_keeps_names_tags_references_and_escapes() -> None:
    raw = r"""<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE resources [<!ENTITY app "Name">]>
<resources xmlns:xliff="urn:x">
  <string name="a">It\'s <b>big</b> &amp; &app;</string>
  <string name="b" translatable="false">Brand</string>
  <string name="c">@string/a</string>
  <string name="d">Hello <xliff:g id="n">%1$s</xliff:g>!</string>
  <string name="e"><![CDATA[See <a href="x">the page</a>]]></string>
  <plurals name="f"><item quantity="one">%d day</item><item quantity="other">%d days</item></plurals>
  <integer name="g">3</integer>
</resources>
"""
    new = through("android", raw).decode()
    for old, shouted in ((r"It\'s <b>big</b> &amp; &app;", r"IT\'S <b>BIG</b> &amp; &amp;APP;"), (">Hello <", ">HELLO <"), ("See <a", "SEE <a"),
                         ("the page", "THE PAGE"), ("%d day<", "%D DAY<"), ("%d days<", "%D DAYS<")):  # fmt: skip
        raw = raw.replace(old, shouted)
    assert new.replace("&app;</string>", "&amp;APP;</string>") == raw


def test_json_translates_values_and_keeps_layout_and_names() -> None:
    raw = '{\n  "name" : "A \\"word\\"", "n":[1, "two", null],\n\t"@name": {"description": "no"}, "deep": {"a": "b"}}\n'
    assert through("json", raw).decode() == raw.replace('A \\"word\\"', 'A \\"WORD\\"').replace("two", "TWO").replace(
        '"b"', '"B"'
    )
    assert json.loads(through("json", raw, shout, "deep.a"))["name"] == 'A "word"'
    assert json.loads(through("json", raw, shout, "deep.a"))["deep"]["a"] == "B"
    assert through("json", '{"a": "caf\\u00e9 x"}', mark) == b'{"a": "\\u092f\\u0939 caf\\u00e9 x \\u0939\\u0948"}'
    with pytest.raises(OptionError, match=r"no text under 'deep.c'"):
        through("json", raw, shout, "deep.c")
    with pytest.raises(InputError, match=r"not JSON.*line 1, column 7"):
        through("json", '{"a": }')
    with pytest.raises(InputError, match="nested too deeply"):
        through("json", "[" * 200_000)


def test_yaml_keeps_keys_comments_anchors_and_styles() -> None:
    raw = """# A comment
en:
  title: Hello world   # said
  quoted: 'it''s here'
  double: "a \\"b\\""
  number: 12
  yes: true
  text: |
    First line
      indented more

    last line
  folded: >-
    these lines
    are one
  list: [one, "two", 3]
  base: &x some words
  ref: *x
  tagged: !!str plain
"""
    new = through("yaml", raw).decode()
    expected = raw
    for old in (
        "Hello world",
        "it''s here",
        'a \\"b\\"',
        "First line",
        "indented more",
        "last line",
        "[one",
        "two",
        "some words",
        "plain",
    ):
        expected = expected.replace(old, old.upper())
    assert new == expected.replace("these lines\n    are one", "THESE LINES ARE ONE")


def test_yaml_that_would_mean_something_else_is_quoted() -> None:
    assert through("yaml", "a: word\n", lambda texts: ["yes: no" for _ in texts]) == b'a: "yes: no"\n'
    assert through("yaml", "a: word\n", lambda texts: ["true" for _ in texts]) == b'a: "true"\n'
    with pytest.raises(InputError, match=r"line 2, column \d+: this is not YAML"):
        through("yaml", "a: b\n c: d: e\n")


def test_aliases_that_explode_are_only_read() -> None:
    raw = "a: &a [x word]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
    )
    assert through("yaml", raw) == raw.replace("x word", "X WORD").encode()


@pytest.mark.parametrize("name", ["xliff", "tmx", "android"])
def test_xml_reads_nothing_from_outside_and_expands_nothing(name: str) -> None:
    root = {"xliff": "xliff", "tmx": "tmx", "android": "resources"}[name]
    inside = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha"}">' for n in range(12))
    raw = f'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">{inside}]><{root}><string name="a">&e11;&x;</string></{root}>'
    assert through(name, raw, same) == raw.encode()
    assert b"root:" not in through(name, raw, shout)


def test_a_continued_line_that_begins_like_a_comment_is_text() -> None:
    new = through("properties", "# c \\\nkey=Hello \\\n  # world\n! x\nb=c\n", shout)
    assert new == b"# c \\\nkey=HELLO # WORLD\n! x\nb=C\n"


def test_android_keeps_escaped_markup_and_quoted_spaces() -> None:
    raw = '<resources><string name="a"><![CDATA[a &lt;b&gt; &amp; <i>c</i>]]></string><string name="b">" two  words "</string></resources>'
    new = through("android", raw, shout).decode()
    assert "<![CDATA[A &lt;B&gt; &amp; <i>C</i>]]>" in new
    assert '>" TWO  WORDS "<' in new


@pytest.mark.parametrize("mark_", ['mtype="protected"', 'translate="no"'])
def test_protected_words_of_xliff_are_kept(mark_: str) -> None:
    raw = f'<xliff version="1.2"><trans-unit id="1"><source>Buy <mrk {mark_}>Brand</mrk> now</source></trans-unit></xliff>'
    assert f"<target>BUY <mrk {mark_}>Brand</mrk> NOW</target>" in through("xliff", raw, shout).decode()


@pytest.mark.parametrize("codec", ["punycode", "hex", "nothing"])
def test_only_charsets_are_taken_for_encodings(codec: str) -> None:
    with pytest.raises(InputError, match="not known"):
        through("android", f'<?xml version="1.0" encoding="{codec}"?><resources/>', shout)


def test_xml_of_too_many_tags_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indictrans_cli.documents.xml.MAX_TOKENS", 10)
    with pytest.raises(InputError, match="more than 10 tags"):
        through("android", f"<resources>{'<x/>' * 20}</resources>", shout)
