"""Office files and e-books: read again by their own libraries, part by part the same, and hostile packages refused."""

# ruff: noqa: E501 (documents stand here as their files are)
from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import openpyxl
import pptx
import pytest

from indictrans_cli.errors import InputError
from tests.documents import changed, lose, mark, members, same, shout, through, turn

ODF = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:xlink="http://www.w3.org/1999/xlink" office:version="1.2"'


def zipped(parts: dict[str, str | bytes]) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as package:
        for name, content in parts.items():
            package.writestr(name, content, zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED)
    return output.getvalue()


def word_file() -> bytes:
    document = docx.Document()
    paragraph = document.add_paragraph("The ")
    paragraph.add_run("red").bold = True
    paragraph.add_run(" car is very fast. It goes ")
    paragraph.add_run("home").italic = True
    paragraph.add_run(".")
    document.add_heading("A heading", 1)
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Cell one", "12"
    document.add_paragraph("Line one\nLine two\tafter a tab")
    document.sections[0].header.paragraphs[0].text = "At the top"
    output = io.BytesIO()
    document.save(output)
    return output.getvalue()


def slides_file() -> bytes:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "A title"
    frame = slide.placeholders[1].text_frame
    frame.text = "First point"
    run = frame.add_paragraph().add_run()
    run.text = "bold point"
    run.font.bold = True
    slide.notes_slide.notes_text_frame.text = "Say hello"
    output = io.BytesIO()
    deck.save(output)
    return output.getvalue()


def sheet_file() -> bytes:
    from openpyxl.comments import Comment
    from openpyxl.worksheet.table import Table

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Sheet name"
    sheet.append(["Name", "Amount"])
    sheet.append(["Green tea", 12])
    sheet["A3"], sheet["B3"] = "Two lines\nin a cell", '=SUM(B2:B2)&" pieces"'
    sheet["A3"].comment = Comment("A remark", "Ann")
    sheet.add_table(Table(displayName="T", ref="A1:B2"))
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def odt_file() -> bytes:
    content = f"""<?xml version="1.0" encoding="UTF-8"?>
<office:document-content {ODF}><office:body><office:text><text:h text:outline-level="1">A heading</text:h>
<text:p>The <text:span text:style-name="B">red</text:span> car<text:s text:c="2"/>stops<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation><text:note-body><text:p>A note</text:p></text:note-body></text:note>.</text:p>
<text:p>Page <text:page-number>3</text:page-number> of it</text:p>
<table:table table:name="T"><table:table-column/><table:table-row><table:table-cell office:value-type="string"><text:p>Cell one</text:p></table:table-cell>
<table:table-cell office:value-type="float" office:value="3"><text:p>three</text:p></table:table-cell></table:table-row></table:table>
</office:text></office:body></office:document-content>"""
    kind = "application/vnd.oasis.opendocument.text"
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
        '<manifest:file-entry manifest:full-path="Pictures/a.bin" manifest:media-type=""/></manifest:manifest>'
    )
    return zipped(
        {
            "mimetype": kind,
            "content.xml": content,
            "META-INF/manifest.xml": manifest,
            "Pictures/a.bin": bytes(range(256)),
        }
    )


def book_file() -> bytes:
    page = '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en"{more}><head><title>One</title></head><body>{body}</body></html>'
    return zipped({
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="O/b.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        "O/b.opf": '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="i" xml:lang="en"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="i">urn:uuid:9a1f7b1c-1111-4222-8333-abcdefabcdef</dc:identifier><dc:title>My book</dc:title><dc:language>en</dc:language><meta property="dcterms:modified">2024-01-01T00:00:00Z</meta></metadata><manifest><item id="n" href="n.xhtml" media-type="application/xhtml+xml" properties="nav"/><item id="c" href="c%201.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="c"/></spine></package>',
        "O/n.xhtml": page.format(more=' xmlns:epub="http://www.idpf.org/2007/ops"', body='<nav epub:type="toc"><ol><li><a href="c%201.xhtml">Chapter one</a></li></ol></nav>'),
        "O/c 1.xhtml": page.format(more="", body="<h1>Chapter one</h1><p>It was <em>very</em> late &amp; dark.</p>"),
    })  # fmt: skip


FILES: dict[str, Callable[[], bytes]] = {
    "docx": word_file, "pptx": slides_file, "xlsx": sheet_file, "odf": odt_file, "epub": book_file,
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_every_part_is_the_same_where_nothing_is_translated(name: str) -> None:
    raw = FILES[name]()
    assert members(through(name, raw, same)) == members(raw)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("docx", ["word/document.xml", "word/header1.xml"]),
        ("pptx", ["ppt/notesSlides/notesSlide1.xml", "ppt/slides/slide1.xml"]),
        ("xlsx", ["xl/comments/comment1.xml", "xl/worksheets/sheet1.xml"]),
        ("odf", ["content.xml"]),
        ("epub", ["O/b.opf", "O/c 1.xhtml", "O/n.xhtml"]),
    ],
)
def test_only_parts_that_hold_language_change(name: str, parts: list[str]) -> None:
    raw = FILES[name]()
    assert sorted(changed(raw, through(name, raw, shout))) == parts


def test_word_keeps_runs_and_their_looks() -> None:
    new = docx.Document(io.BytesIO(through("docx", word_file(), turn)))
    runs = [(run.text, run.bold, run.italic) for run in new.paragraphs[0].runs]
    assert runs == [
        ("fast. very is car ", None, None),
        ("red", True, None),
        (" The ", None, None),
        ("home", None, True),
        (". goes It", None, None),
    ]
    loud = docx.Document(io.BytesIO(through("docx", word_file(), shout)))
    assert [paragraph.text for paragraph in loud.paragraphs] == [
        "THE RED CAR IS VERY FAST. IT GOES HOME.",
        "A HEADING",
        "LINE ONE\nLINE TWO\tAFTER A TAB",
    ]
    assert [run.text for run in loud.paragraphs[0].runs] == ["THE ", "RED", " CAR IS VERY FAST. IT GOES ", "HOME", "."]
    assert loud.paragraphs[1].style.name == "Heading 1"
    assert loud.tables[0].cell(0, 0).text == "CELL ONE"
    assert loud.sections[0].header.paragraphs[0].text == "AT THE TOP"


@pytest.mark.parametrize("translate", [mark, lose])
def test_no_run_is_lost_whatever_the_translator_says(translate: object) -> None:
    before, after = (docx.Document(io.BytesIO(raw)) for raw in (word_file(), through("docx", word_file(), translate)))
    assert [[run.bold for run in each.runs] for each in after.paragraphs] == [
        [run.bold for run in each.runs] for each in before.paragraphs
    ]


def test_a_link_in_word_keeps_its_words() -> None:
    """Its runs look like their neighbours; only the element around them makes them a link."""
    raw = word_file()
    link = (
        '<w:p><w:r><w:t xml:space="preserve">Read </w:t></w:r><w:hyperlink w:anchor="x"><w:r><w:t>the page</w:t></w:r>'
        '</w:hyperlink><w:r><w:t xml:space="preserve"> now</w:t></w:r></w:p>'
    )
    parts = {part[0]: part[3] for part in members(raw)}
    parts["word/document.xml"] = parts["word/document.xml"].replace(b"<w:body>", b"<w:body>" + link.encode())
    new = docx.Document(io.BytesIO(through("docx", zipped(parts), shout)))  # type: ignore[arg-type]
    assert new.paragraphs[0].hyperlinks[0].text == "THE PAGE"
    assert new.paragraphs[0].text == "READ THE PAGE NOW"


def test_slides_keep_shapes_runs_and_notes() -> None:
    slide = pptx.Presentation(io.BytesIO(through("pptx", slides_file(), shout))).slides[0]
    assert slide.shapes.title.text == "A TITLE"
    assert [paragraph.text for paragraph in slide.placeholders[1].text_frame.paragraphs] == [
        "FIRST POINT",
        "BOLD POINT",
    ]
    assert slide.placeholders[1].text_frame.paragraphs[1].runs[0].font.bold
    assert slide.notes_slide.notes_text_frame.text == "SAY HELLO"


def test_sheets_keep_formulas_numbers_names_and_the_headings_of_tables() -> None:
    book = openpyxl.load_workbook(io.BytesIO(through("xlsx", sheet_file(), shout)))
    sheet = book["Sheet name"]
    assert [[cell.value for cell in row] for row in sheet["A1:B3"]] == [
        ["Name", "Amount"], ["GREEN TEA", 12], ["TWO LINES\nIN A CELL", '=SUM(B2:B2)&" pieces"']
    ]  # fmt: skip
    assert sheet["A3"].comment.text == "A REMARK"


def test_shared_strings_are_translated_with_their_runs(tmp_path: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(tmp_path / "s.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_rich_string("A1", "The ", book.add_format({"bold": True}), "red", " car")
        sheet.write_string("A2", "again")
        sheet.write_string("A3", "again")
    raw = (tmp_path / "s.xlsx").read_bytes()
    new = through("xlsx", raw, turn)
    assert changed(raw, new) == ["xl/sharedStrings.xml"]
    text = openpyxl.load_workbook(io.BytesIO(new), rich_text=True).active["A1"].value
    assert [str(part) for part in text] == ["car ", "red", " The"]
    assert text[1].font.b
    assert changed(raw, through("xlsx", raw, mark)) == ["xl/sharedStrings.xml"]


def test_opendocument_keeps_spans_fields_notes_and_numbers() -> None:
    content = {part[0]: part[3] for part in members(through("odf", odt_file(), shout))}["content.xml"].decode()
    assert (
        '<text:p>THE <text:span text:style-name="B">RED</text:span> CAR<text:s text:c="2"/>STOPS<text:note' in content
    )
    assert "<text:note-citation>1</text:note-citation><text:note-body><text:p>A NOTE</text:p>" in content
    assert "<text:p>PAGE <text:page-number>3</text:page-number> OF IT</text:p>" in content
    assert "<text:p>CELL ONE</text:p>" in content and "<text:p>three</text:p>" in content


def test_a_book_says_its_new_language_and_keeps_its_links() -> None:
    parts = {part[0]: part[3].decode() for part in members(through("epub", book_file(), shout))}
    assert "<dc:title>MY BOOK</dc:title><dc:language>hi</dc:language>" in parts["O/b.opf"]
    assert 'xml:lang="hi" lang="hi"' in parts["O/n.xhtml"]
    assert '<a href="c%201.xhtml">CHAPTER ONE</a>' in parts["O/n.xhtml"]
    assert "<p>IT WAS <em>VERY</em> LATE &amp; DARK.</p>" in parts["O/c 1.xhtml"]


def bomb() -> bytes:
    return zipped({"word/document.xml": b"<a>" + b" " * 50_000_000 + b"</a>"})


def doctype(entity: str) -> bytes:
    parts: dict[str, str | bytes] = {part[0]: part[3] for part in members(word_file())}
    parts["word/document.xml"] = f'<!DOCTYPE a [<!ENTITY x {entity}>]><a xmlns:w="w"><w:p>&x;</w:p></a>'
    return zipped(parts)


def locked() -> bytes:
    raw = bytearray(zipped({"word/document.xml": "<a/>"}))
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


def twice() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate"):
        output = io.BytesIO()
        with zipfile.ZipFile(output, "w") as package:
            package.writestr("word/document.xml", "<a/>")
            package.writestr("word/document.xml", "<b/>")
    return output.getvalue()


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (bomb, "decompression bomb"),
        (lambda: doctype('SYSTEM "file:///etc/passwd"'), "document type declaration"),
        (lambda: doctype('"aaaa"'), "document type declaration"),
        (lambda: zipped({"../evil.xml": "<a/>", "word/document.xml": "<a/>"}), "leads out of the file"),
        (lambda: zipped({"/etc/passwd": "<a/>"}), "leads out of the file"),
        (locked, "protected by a password"),
        (twice, "two parts named 'word/document.xml'"),
        (lambda: zipped({"a.txt": "hello"}), "'word/document.xml' is missing"),
        (lambda: word_file()[:-200], "not a package"),
        (
            lambda: zipped({"word/document.xml": "<w:p><w:r></w:p>"}),
            "word/document.xml, line 1, column 13: this is not well-formed",
        ),
    ],
)
def test_hostile_and_damaged_packages_are_refused_in_one_sentence(raw: Callable[[], bytes], says: str) -> None:
    with pytest.raises(InputError, match=r"^'it'") as caught:
        through("docx", raw())
    assert says in str(caught.value)


def test_an_encrypted_book_and_document_are_refused() -> None:
    parts: dict[str, str | bytes] = {part[0]: part[3] for part in members(book_file())}
    parts["META-INF/encryption.xml"] = '<e><CipherReference URI="O/c%201.xhtml"/></e>'
    with pytest.raises(InputError, match="DRM"):
        through("epub", zipped(parts))
    parts = {part[0]: part[3] for part in members(odt_file())}
    parts["META-INF/manifest.xml"] = "<m><manifest:encryption-data/></m>"
    with pytest.raises(InputError, match="password"):
        through("odf", zipped(parts))


@pytest.mark.skipif(
    shutil.which("soffice") is None, reason="LibreOffice is not installed: apt-get install libreoffice-writer-nogui"
)
def test_libreoffice_opens_what_comes_out_and_reads_the_translation(tmp_path: Path) -> None:
    for name, ending in (("docx", "docx"), ("odf", "odt")):
        (tmp_path / f"{name}.{ending}").write_bytes(through(name, FILES[name](), mark))
    done = subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to", "txt:Text (encoded):UTF8",
         "--outdir", str(tmp_path), *map(str, sorted(tmp_path.glob("*.*")))],
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name in ("docx", "odf"):
        assert "यह A heading है" in (tmp_path / f"{name}.txt").read_text(encoding="utf-8-sig")


@pytest.mark.skipif(shutil.which("epubcheck") is None, reason="epubcheck is not installed: apt-get install epubcheck")
def test_epubcheck_finds_nothing_in_a_translated_book(tmp_path: Path) -> None:
    (tmp_path / "b.epub").write_bytes(through("epub", book_file(), mark))
    done = subprocess.run(
        ["java", "-jar", str(shutil.which("epubcheck")), str(tmp_path / "b.epub")],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
