# ruff: noqa: E501 (tables of cases)
"""`ctx translate` with documents: which format a file is of, folders and globs, what is skipped, what is refused."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from indictrans_cli.cli.files import Documents, find_tasks, translate_many
from indictrans_cli.documents.formats import FORMATS, by_name, find_format
from indictrans_cli.errors import CtxError, InputError, OptionError
from tests.conftest import ROOT
from tests.documents import changed, shout
from tests.test_architecture import RUN, loaded_after
from tests.test_documents_office import FILES, odt_file, word_file

Run = Callable[..., subprocess.CompletedProcess[str]]


class Shouter:
    """Stands for a Translator."""

    languages = ("en", "hi")

    def translate(self, texts: list[str]) -> list[str]:
        return shout(texts)


def shouting(**said: object) -> Documents:
    return Documents(Shouter(), **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("a.MD", b"", "markdown"),
        ("a.htm", b"", "html"),
        ("a.txt", b"<html>", "text"),
        ("noext", b"just text\n", "text"),
        ("noext", b"", "text"),
        ("page", b"\xef\xbb\xbf\n<!DOCTYPE html><p>", "html"),
        ("a.xml", b'<?xml version="1.0"?><!-- c --><resources><string/></resources>', "android"),
        ("a.xml", b'<xliff version="1.2">', "xliff"),
        ("memory", b'<?xml version="1.0"?>\n<tmx version="1.4">', "tmx"),
        ("a", b"WEBVTT\n\n", "vtt"),
        ("a", b"1\n00:00:01,000 --> 00:00:02,000\nHi\n", "srt"),
        ("a", b"[Script Info]\n", "ass"),
        ("a", b'# c\nmsgid ""\nmsgstr ""\n', "po"),
        ("a", b'{"a": "b"}\n{"a": "c"}\n', "jsonl"),
        ("a", b'{\n "a": "b"}\n', "json"),
        ("a", b"%PDF-1.7\n", "pdf"),
        ("a", b"PAR1....", "parquet"),
        ("a", b"---\ntitle: x\n---\n", "markdown"),
        ("a", word_file(), "docx"),
        ("a", FILES["pptx"](), "pptx"),
        ("a", FILES["xlsx"](), "xlsx"),
        ("a", odt_file(), "odf"),
        ("a", FILES["epub"](), "epub"),
    ],
)
def test_the_format_is_found_by_name_and_then_by_content(name: str, raw: bytes, expected: str) -> None:
    source = io.BytesIO(raw)
    assert find_format(Path(name), source).name == expected
    assert source.tell() == 0


def archive() -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as package:
        package.writestr("a.txt", "hello")
    return output.getvalue()


@pytest.mark.parametrize(
    ("name", "raw", "says"),
    [
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "before 2007; save it as .docx"),
        ("a.xml", b"<svg/>", "XML with <svg> around it"),
        ("a.zip", archive(), "an archive and no document"),
        ("a.zip", b"PK\x03\x04broken", "begins like an archive and is damaged"),
    ],
)
def test_what_is_known_and_cannot_be_read_is_named(name: str, raw: bytes, says: str) -> None:
    with pytest.raises(InputError) as caught:
        find_format(Path(name), io.BytesIO(raw))
    assert says in str(caught.value)


def test_formats_go_by_their_names_and_their_files_ends() -> None:
    assert by_name("markdown") is by_name("md") is by_name(".MD") is FORMATS["markdown"]
    with pytest.raises(OptionError, match="--format word: there is no such format; there are text, markdown"):
        by_name("word")


def tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def written(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_folder_is_mirrored_and_what_is_finished_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tree(tmp_path / "in", {"a.md": "# hello\n", "deep/b.txt": "two\n", "deep/c.bin": "no", ".git/d.md": "no"})
    out = tmp_path / "in" / "out"  # inside what is read
    translate_many(shouting(), [source], out, overwrite=False, jobs=2)
    assert written(out) == {"a.md": "# HELLO\n", "deep/b.txt": "TWO\n"}
    assert capsys.readouterr().err == "translated 2 files, skipped 0 that were done\n"
    (out / "a.md").write_text("mended by hand\n")
    os.utime(source / "deep" / "b.txt", (2e9, 2e9))  # changed since
    translate_many(shouting(), [source], out, overwrite=False, jobs=1)
    assert capsys.readouterr().err == "translated 1 file, skipped 1 that were done\n"
    assert written(out)["a.md"] == "mended by hand\n"
    translate_many(shouting(), [source], out, overwrite=True, jobs=1)
    assert written(out)["a.md"] == "# HELLO\n"


def test_globs_are_mirrored_from_their_first_pattern(tmp_path: Path) -> None:
    source = tree(tmp_path / "in", {"x/a.md": "a", "x/y/b.md": "b", "x/c.txt": "c"})
    tasks = find_tasks([source / "*" / "**" / "*.md"], tmp_path / "out", any_format=False)
    assert [str(task.target.relative_to(tmp_path / "out")) for task in tasks] == ["x/a.md", "x/y/b.md"]


def test_a_file_that_fails_does_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tree(tmp_path / "in", {"a.json": "{", "b.md": "word\n"})
    with pytest.raises(InputError, match="1 file of 2 could not be translated"):
        translate_many(shouting(), [source], tmp_path / "out", overwrite=False, jobs=1)
    assert written(tmp_path / "out") == {"b.md": "WORD\n"}
    assert "a.json': this is not JSON" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("inputs", "kind", "says"),
    [
        (["in/a.md", "other/a.md"], OptionError, "would both be written to"),
        (["nothing/*.md"], InputError, "no file of a known format"),
        (["out"], OptionError, "over itself"),
    ],
)
def test_inputs_that_cannot_be_mirrored_are_refused(
    tmp_path: Path, inputs: list[str], kind: type[CtxError], says: str
) -> None:
    tree(tmp_path, {"in/a.md": "a", "other/a.md": "b", "out/a.md": "c"})
    with pytest.raises(kind) as caught:
        find_tasks([tmp_path / name for name in inputs], tmp_path / "out", any_format=False)
    assert says in str(caught.value)


def test_the_command_translates_a_document_and_a_pipe(ctx: Run, tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(word_file())
    done = ctx("translate", "-i", tmp_path / "a.docx", "-o", tmp_path / "b.docx")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert zipfile.ZipFile(tmp_path / "b.docx").testzip() is None
    done = ctx("translate", "--format", "md", stdin="# Good morning\n\n```\ncode\n```\n")
    assert (
        done.stdout.startswith("# ")
        and re.search("[\u0900-\u097f]", done.stdout)
        and done.stdout.endswith("\n```\ncode\n```\n")
    )


def test_packages_go_through_pipes(ctx: Run, tmp_path: Path) -> None:
    command = f'cat a.docx | "{sys.executable}" -m indictrans_cli translate --format docx | cat > b.docx'
    (tmp_path / "a.docx").write_bytes(word_file())
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stderr == ""
    assert changed((tmp_path / "a.docx").read_bytes(), (tmp_path / "b.docx").read_bytes()) == [
        "word/document.xml",
        "word/header1.xml",
    ]


def test_the_command_translates_folders(ctx: Run, tmp_path: Path) -> None:
    tree(tmp_path / "in", {"a.md": "# Good morning\n", "b/c.csv": "id,t\n1,Good morning\n"})
    done = ctx("translate", "-i", tmp_path / "in", "--output-dir", tmp_path / "out", "--column", "t")
    assert (done.returncode, done.stderr) == (0, "translated 2 files, skipped 0 that were done\n")
    assert re.fullmatch(
        r"id,t\n1,[\u0900-\u097f ]+[।!]?\n", written(tmp_path / "out")["b/c.csv"]
    )  # Hindi, whatever it is


HOSTILE: dict[str, tuple[list[str], int, str]] = {
    "a folder": (["-i", "."], 3, "cannot read '.': is a directory; whole folders are translated with --output-dir"),
    "two files": (["-i", "a", "-i", "b"], 2, "several files are translated with --output-dir FOLDER"),
    "a glob": (["-i", "*.nothing"], 2, "'*.nothing' is a glob; name a folder"),
    "no input": (["--output-dir", "x"], 2, "--output-dir is for files"),
    "both outputs": (["-i", "a", "-o", "b", "--output-dir", "x"], 2, "either --output or --output-dir"),
    "no jobs": (["-i", "a", "--output-dir", "x", "--jobs", "0"], 2, "--jobs 0: must be 1 or more"),
    "JSON of many": (["-i", "a", "--output-dir", "x", "--json"], 2, "--json is for text"),
    "JSON of a page": (["-i", str(ROOT / "README.md"), "--json"], 2, "--json is for text, and"),
    "no format": (["-i", str(ROOT / "README.md"), "--format", "word"], 2, "--format word: there is no such format"),
    "another kind": (["-i", str(ROOT / "README.md"), "-o", "x.docx"], 2, "becomes markdown, and 'x.docx' is named as docx; name it .md"),
    "a column of a page": (["-i", str(ROOT / "README.md"), "--column", "a"], 2, "--column is for tables and JSON, and"),
    "text and files": (["Hello", "-i", "a.md", "--output-dir", "x"], 2, "quote a glob, so that ctx sees it whole"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_options_that_do_not_go_together_are_one_clear_sentence(name: str, ctx: Run) -> None:
    arguments, code, says = HOSTILE[name]
    done = ctx("translate", *arguments)
    assert done.returncode == code, done.stderr
    assert says in done.stderr and done.stderr.startswith("ctx: ") and done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_document_that_fails_leaves_no_output(ctx: Run, tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(word_file()[:-100])
    (tmp_path / "b.docx").write_text("old")
    done = ctx("translate", "-i", tmp_path / "a.docx", "-o", tmp_path / "b.docx")
    assert done.returncode == 3
    assert (tmp_path / "b.docx").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["a.docx", "b.docx"]


@pytest.mark.parametrize(("name", "package", "raw"), [("markdown", "markdown-it-py", "a"), ("yaml", "PyYAML", "a: b"), ("pdf", "pypdf", "%PDF-"), ("parquet", "pyarrow", "")])  # fmt: skip
def test_a_missing_package_is_named_with_the_line_that_installs_it(name: str, package: str, raw: str) -> None:
    script = (
        "import io, sys\nfor name in ('markdown_it', 'yaml', 'pypdf', 'pyarrow'): sys.modules[name] = None\n"
        "from indictrans_cli.documents.base import Job\nfrom indictrans_cli.documents.formats import FORMATS\n"
        f"FORMATS[{name!r}].translate(io.BytesIO({raw.encode()!r}), io.BytesIO(), Job('it', list))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (
        f"needs the package '{package}', which is not installed; install it with: pip install {package}" in done.stderr
    )


def test_a_sentence_loads_nothing_of_documents() -> None:
    loaded = loaded_after(RUN.format("'translate', 'Hello'"))
    assert "ctranslate2" in loaded
    assert loaded & {"markdown_it", "yaml", "pypdf", "pyarrow", "lxml", "docx", "pyexpat"} == set()
    code = (
        RUN.format("'translate', 'Hello'")
        + "\nnames = [n for n in sys.modules if n.startswith('indictrans_cli.documents.')]\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}print(*sorted(names))"], capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "indictrans_cli.documents.segment indictrans_cli.documents.text"


def test_many_comments_are_looked_at_at_once() -> None:
    assert find_format(Path("page"), io.BytesIO(b"<!---->" * 60)).name == "text"
    assert find_format(Path("page"), io.BytesIO(b"<!---->" * 60 + b"<html>")).name == "html"


def test_a_glob_does_not_take_its_own_output(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n", "utf-8")
    for _ in range(2):
        assert [task.source.name for task in find_tasks([tmp_path / "**" / "*.txt"], tmp_path / "hi", False)] == [
            "a.txt"
        ]
        translate_many(shouting(), [tmp_path / "**" / "*.txt"], tmp_path / "hi", True, 1)
    assert not (tmp_path / "hi" / "hi").exists()


def test_an_unforeseen_failure_names_its_file_and_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"{name}\n", "utf-8")

    def fail(texts: list[str]) -> list[str]:
        if texts[0] == "a.txt":
            raise ValueError("odd")
        return shout(texts)

    monkeypatch.setattr(Shouter, "translate", lambda self, texts: fail(texts))
    with pytest.raises(InputError):
        translate_many(shouting(), [tmp_path / "*.txt"], tmp_path / "hi", False, 1)
    assert "a.txt': odd" in capsys.readouterr().err
    assert (tmp_path / "hi" / "b.txt").read_text("utf-8") == "B.TXT\n"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_archives_are_told_of(method: int) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as package:
        package.writestr("mimetype", bytes(range(256)) * 40)
    raw = bytearray(held.getvalue())
    raw[38:90] = b"\xff" * 52
    with pytest.raises(InputError):
        find_format(Path("noext"), io.BytesIO(raw))
