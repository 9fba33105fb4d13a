"""What people read of an evaluation: a page that asks for nothing and lets no text be markup, Markdown, tables, history."""

from __future__ import annotations

import http.server
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from indictrans_cli.corpus import testsets
from indictrans_cli.evaluation.evaluate import evaluate
from indictrans_cli.evaluation.metrics import make_metrics
from indictrans_cli.evaluation.report import terminal
from indictrans_cli.evaluation.report.differences import word_marks
from indictrans_cli.evaluation.report.svg import nice_ticks
from indictrans_cli.evaluation.report.tables import tables
from indictrans_cli.evaluation.systems import read_systems, short_names, split_name
from tests.conftest import SENTENCES

Run = Callable[..., subprocess.CompletedProcess[str]]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SPOILT = ["बस गई।", "मुझे चाय दो।", "रात में बारिश", "सड़क गाँव जाती है।"]


class Page(HTMLParser):
    """The elements, attributes and texts a browser would see, without running anything."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts.append(data)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """An address that a page could ask, and what was asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.fixture
def hostile(tmp_path: Path, ctx: Run, listener: tuple[str, list[str]]) -> Path:
    """A page about systems whose every text tries to be markup, a script or the end of one."""
    url, _ = listener
    attacks = [
        f"<script>fetch('{url}/script')</script>",
        f"<img src='{url}/image' onerror='document.title=1'>",
        f"</script><script>new Image().src='{url}/escaped'</script>",
        f'"><iframe src="{url}/frame"></iframe>',
        "<!-- <script> ]]> \u2028 & &lt;b&gt;",
        f"<style>@import '{url}/style';</style>",
    ]
    pairs = [*((f"{src} {attack}", f"{tgt} {attack}") for (src, tgt), attack in zip(SENTENCES, attacks, strict=False)), *SENTENCES[6:]]  # noqa: E501 # fmt: skip
    test = tmp_path / "<b>test.tsv"
    test.write_text("".join(f"{src}\t{tgt}\t<i>domain\n" for src, tgt in pairs), encoding="utf-8")
    for name, lines in (
        ("one", [tgt for _, tgt in pairs]),
        ("two", [*(attack for attack in attacks), *SPOILT]),
    ):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    done = ctx("eval", "--test", test, "--hyp", f"<u>one={tmp_path / 'one'}", "--hyp", f"two&={tmp_path / 'two'}", "--samples", "200", "--report", tmp_path / "report.html", "--report", tmp_path / "report.md")  # noqa: E501 # fmt: skip
    assert done.returncode == 0, done.stderr
    return tmp_path / "report.html"


def test_no_text_becomes_markup_and_nothing_is_loaded_from_elsewhere(hostile: Path) -> None:
    page = Page(hostile.read_text(encoding="utf-8"))
    assert {tag for tag, _ in page.tags} <= set("html head meta title style body h1 h2 h3 p div span code table thead tbody tr th td svg g line circle text title script".split())  # noqa: E501 # fmt: skip
    assert [attributes for tag, attributes in page.tags if tag == "script"] == [
        {"type": "application/json", "id": "data"},
        {},
    ]
    for _, attributes in page.tags:
        assert not any(name in ("src", "href") or name.startswith("on") for name in attributes)
    (policy,) = [attributes["content"] for _, attributes in page.tags if "http-equiv" in attributes]
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_the_page_holds_every_sentence_of_every_system_as_it_is(hostile: Path) -> None:
    (data,) = json.loads(Page(hostile.read_text(encoding="utf-8")).scripts[0])
    assert data["systems"] == ["<u>one", "two&"]
    two = (hostile.parent / "two").read_text(encoding="utf-8").rstrip("\n").split("\n")
    assert [row["hyp"][1] for row in data["rows"]] == two
    assert len(data["rows"]) == 10
    assert any("<i>domain" in group for group in data["groups"])


@pytest.mark.skipif(CHROMIUM is None, reason="no browser is here")
def test_a_browser_shows_it_without_an_error_or_a_request(hostile: Path, listener: tuple[str, list[str]]) -> None:
    assert CHROMIUM is not None
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", f"--user-data-dir={hostile.parent / 'browser'}", "--enable-logging=stderr", "--virtual-time-budget=5000"]  # noqa: E501 # fmt: skip
    done = subprocess.run(
        [CHROMIUM, *options, "--dump-dom", hostile.as_uri()], capture_output=True, text=True, timeout=120
    )
    assert ":CONSOLE" not in done.stderr
    assert listener[1] == []
    shown = done.stdout
    assert shown.count('class="row"') == 10
    assert "&lt;script&gt;fetch(" in shown
    assert "<iframe" not in shown and "<img" not in shown
    assert re.search(r'<span class="other">[^<]+</span>', shown)


def test_markdown_shows_texts_as_they_are(hostile: Path) -> None:
    text = (hostile.parent / "report.md").read_text(encoding="utf-8")
    assert not re.search(r"(?<!\\)<[a-z/!]", text)
    assert "| \\<u\\>one |" in text.replace("**", "")
    assert "## \\<b\\>test" in text
    assert "Worst sentences of two\\&" in text


@pytest.mark.parametrize(
    ("hypothesis", "reference", "marks"),
    [
        ("पानी गरम है।", "पानी ठंडा है।", ("101", "101")),
        ("पानी है।", "पानी ठंडा है।", ("11", "101")),
        ("", "पानी", ("", "0")),
        ("a\u00a0b c", "a b", ("110", "11")),
    ],
)
def test_words_are_marked_where_they_are_in_the_reference(
    hypothesis: str, reference: str, marks: tuple[str, str]
) -> None:
    assert word_marks(hypothesis, reference) == marks


def test_a_degenerate_line_is_marked_at_once() -> None:
    started = time.perf_counter()
    hypothesis, reference = word_marks("a b " * 2500, "a c b a " + "d a " * 1000)
    assert time.perf_counter() - started < 5
    assert len(hypothesis) == 5000
    assert hypothesis.count("1") == reference.count("1") == 1003
    assert reference[:4] == "1011"


def test_a_file_name_need_not_be_utf8(tmp_path: Path, ctx: Run) -> None:
    lines = "एक\nदो\n".encode()
    (tmp_path / "ref.hi").write_bytes(lines)
    (tmp_path / "h\udcff.hi").write_bytes(lines)
    for page in (tmp_path / "r.html", tmp_path / "r.md"):
        done = ctx("eval", "--ref", tmp_path / "ref.hi", "--hyp", tmp_path / "h\udcff.hi", "--report", page)
        assert done.returncode == 0, done.stderr
        assert "h\\udcff.hi" in page.read_text(encoding="utf-8")


def test_models_of_one_name_are_refused_before_any_translates(tmp_path: Path, ctx: Run) -> None:
    (tmp_path / "news.tsv").write_text("It is cold.\tठंड है।\n", encoding="utf-8")
    done = ctx("eval", "--test", tmp_path / "news.tsv", "--model", "none/m1", "--model", "other/none/m1")
    assert "two systems are named 'm1'" in done.stderr  # neither is there: they were not even opened


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["out/flores.google.hi", "out/flores.nllb.hi"], ["google", "nllb"]),
        (["flores.hi"], ["flores.hi"]),
        (["a/out.hi", "b/out.hi"], ["a/out.hi", "b/out.hi"]),
        (["one.txt", "two.hi"], ["one.txt", "two.hi"]),
        (["x.hi", "x.y.hi"], ["x.hi", "x.y.hi"]),
    ],
)
def test_files_are_called_by_what_tells_them_apart(paths: list[str], names: list[str]) -> None:
    assert short_names(paths) == names


def test_a_name_may_stand_before_a_file(tmp_path: Path) -> None:
    (tmp_path / "a=b.hi").write_text("")
    assert split_name("google=out/g.hi") == ("google", "out/g.hi")
    assert split_name("out/g.hi") == ("", "out/g.hi")
    assert split_name(str(tmp_path / "a=b.hi")) == ("", str(tmp_path / "a=b.hi"))
    assert split_name("out/x=y.hi") == ("", "out/x=y.hi")


@pytest.mark.parametrize(("low", "high"), [(0, 1), (36.2, 38.9), (-5, 5), (12, 12), (0, 0), (1e-4, 2e-4), (3, 97)])
def test_axes_have_a_few_round_numbers_around_the_values(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)
    assert ticks[0] <= low and high <= ticks[-1]
    assert 2 <= len(ticks) <= 11
    assert ticks == sorted(set(ticks))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    references = [tgt for _, tgt in SENTENCES]
    for name, lines in (
        ("src", [src for src, _ in SENTENCES]),
        ("ref", references),
        ("flores.one.hi", [*references[:6], *SPOILT]),
        ("flores.two.hi", [*SPOILT, *references[4:]]),
    ):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return tmp_path


def test_systems_stand_side_by_side_under_their_short_names(files: Path, ctx: Run) -> None:
    options = ["--src", files / "src", "--ref", files / "ref", "--hyp", files / "flores.one.hi", "--hyp", files / "flores.two.hi", "--samples", "200"]  # noqa: E501 # fmt: skip
    result = json.loads(ctx("eval", *options, "--json").stdout)
    assert [system["name"] for system in result["systems"]] == ["one", "two"]
    assert {tuple(pair["systems"]) for pair in result["comparisons"]} == {("one", "two")}
    assert (result["samples"], result["seed"]) == (200, 12345)
    assert "system" not in result
    text = ctx("eval", *options).stdout
    for expected in ("2 systems on", "two − one", "p bootstrap", "seed 12345", "length ratio", "length: 1–9 words", "left out: COMET"):  # noqa: E501 # fmt: skip
        assert expected in text, expected


def test_a_terminal_sees_the_same_figures_as_tables_of_rich(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    systems = read_systems([str(files / "flores.one.hi"), f"[red]two={files / 'flores.two.hi'}"])
    test = testsets.read_files(files / "src", files / "ref")
    evaluation = evaluate(test, systems, make_metrics(test.references), samples=200, seed=1, left_out=["[bold]X: not"])
    terminal.show(evaluation)
    shown = capsys.readouterr().out
    for table in tables(evaluation):
        assert table.title in shown
        for row in table.rows:
            assert all(cell in shown for cell in row)
    assert "left out: [bold]X: not" in shown


def test_each_score_is_the_one_sacrebleu_gives_that_system_alone(files: Path, ctx: Run) -> None:
    import sacrebleu

    references = [[tgt for _, tgt in SENTENCES]]
    result = json.loads(ctx("eval", "--ref", files / "ref", "--hyp", f"a={files / 'flores.one.hi'}", "--hyp", f"b={files / 'flores.two.hi'}", "--tokenize", "intl", "--samples", "200", "--json").stdout)  # noqa: E501 # fmt: skip
    for system, name in zip(result["systems"], ("one", "two"), strict=True):
        lines = (files / f"flores.{name}.hi").read_text(encoding="utf-8").splitlines()
        expected = {
            "BLEU": sacrebleu.corpus_bleu(lines, references, tokenize="intl").score,
            "chrF2++": sacrebleu.corpus_chrf(lines, references, word_order=2).score,
            "chrF2": sacrebleu.corpus_chrf(lines, references).score,
            "TER": sacrebleu.corpus_ter(lines, references).score,
        }
        assert {score["name"]: score["value"] for score in system["scores"]} == {
            key: round(value, 2) for key, value in expected.items()
        }
        assert "tok:intl" in system["scores"][0]["signature"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--hyp", "short", "--ref", "ref"], 6, 'line 10 of \'ref\' is the first without a partner ("यह सड़क गाँव जाती है।")'),
        (["--src", "src", "--ref", "short"], 6, "line 10 of 'src' is the first without a partner"),
        (["--hyp", "ref", "--hyp", "x=ref", "--ref", "ref"], 6, "are the same translations, line by line"),
        (["--hyp", "x=flores.one.hi", "--hyp", "x=ref", "--ref", "ref"], 6, "two systems are named 'x'"),
        (["--hyp", "blank", "--ref", "ref"], 6, "holds no translation"),
        (["--hyp", "/dev/null", "--ref", "ref"], 6, "'/dev/null' is empty; it should hold 10 translations"),
        (["--hyp", "latin", "--ref", "ref"], 3, "is not UTF-8 near line 1"),
        (["--hyp", "ref"], 2, "--hyp needs what it is the translation of"),
        (["--hyp", "ref", "--ref", "ref", "--output", "o"], 2, "--output takes"),
        (["--test", "nowhere", "--hyp", "ref"], 3, "there is no test set 'nowhere'"),
        (["--test", "a", "--ref", "ref"], 2, "three ways to name a test set"),
        (["--ref", "ref", "--hyp", "ref", "--metrics", "rouge"], 2, "there is no 'rouge'"),
        (["--ref", "ref", "--hyp", "ref", "--tokenize", "moses"], 2, "--tokenize moses"),
        (["--ref", "ref", "--hyp", "ref", "--samples", "3"], 2, "--samples 3"),
        (["--ref", "ref", "--hyp", "ref", "--report", "r.pdf"], 2, "must end in .html or .md"),
        (["--ref", "ref", "--hyp", "ref", "--model", ""], 2, "a model needs sentences to translate"),
        (["--ref", "ref", "--hyp", "ref", "--contrastive"], 2, "name one with --model"),
        (["--ref", "ref", "--hyp", "ref", "--metrics", "comet"], 2, "COMET needs the sources"),
        (["--src", "src", "--ref", "ref", "--hyp", "ref", "--metrics", "comet"], 7, "pip install unbabel-comet"),
        (["--history"], 3, "nothing of that kind was scored yet"),
        (["--watch", "nowhere"], 3, "is no training run"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_is_one_clear_sentence(
    arguments: list[str], code: int, says: str, files: Path, ctx: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (files / "short").write_text("".join(f"{tgt}\n" for _, tgt in SENTENCES[:9]), encoding="utf-8")
    (files / "blank").write_text("\n" * 10)
    (files / "latin").write_bytes("Où est la gare ?\n".encode("latin-1") * 10)
    monkeypatch.chdir(files)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    done = ctx("eval", *arguments)
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (code, 1, ""), done.stderr
    assert says in done.stderr
    assert done.stderr.startswith("ctx: ")


def test_several_test_sets_stand_one_after_the_other(files: Path, toy_model: Path, ctx: Run) -> None:
    for name, rows in (("a.tsv", SENTENCES[:6]), ("b.tsv", SENTENCES[4:])):
        (files / name).write_text("".join(f"{src}\t{tgt}\n" for src, tgt in rows), encoding="utf-8")
    options = ["--test", files / "a.tsv", "--test", files / "b.tsv", "--model", f"toy={toy_model}", "--samples", "100"]
    done = ctx("eval", *options, "--report", files / "report.html", "--json")
    assert done.returncode == 0, done.stderr
    both = json.loads(done.stdout)["tests"]
    assert [(each["test"], each["sentences"], each["system"]) for each in both] == [("a", 6, "toy"), ("b", 6, "toy")]
    assert both[0]["parameters"] > 0 and both[0]["bytes"] > 0 and both[0]["first_sentence_seconds"] > 0
    assert 0 <= both[0]["token_accuracy"] <= 1
    text = (files / "report.html").read_text(encoding="utf-8")
    assert 'id="sentences-0"' in text and 'id="sentences-1"' in text


def test_spbleu_is_said_plainly_where_its_tokenizer_cannot_be_fetched(files: Path, ctx: Run, tmp_path: Path) -> None:
    done = ctx("eval", "--ref", files / "ref", "--hyp", files / "flores.one.hi", "--metrics", "spbleu", SACREBLEU=str(tmp_path / "empty"), https_proxy="http://127.0.0.1:9")  # noqa: E501 # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (8, 1)
    assert "the model of sacreBLEU's tokenizer 'flores200' is not here and cannot be fetched" in done.stderr
    result = json.loads(ctx("eval", "--ref", files / "ref", "--hyp", files / "flores.one.hi", "--json", SACREBLEU=str(tmp_path / "empty")).stdout)  # noqa: E501 # fmt: skip
    assert any(line.startswith("spBLEU: ") for line in result["left_out"])


def test_spbleu_is_bleu_of_sacrebleus_pieces(files: Path, ctx: Run, tmp_path: Path, toy_data: Path) -> None:
    """With a SentencePiece model where sacreBLEU keeps its own: the vocabulary of the toy data stands in for it."""
    from sacrebleu.metrics.bleu import BLEU

    from indictrans_cli.tokenizer import Tokenizer

    home = tmp_path / "sacrebleu"
    (home / "models").mkdir(parents=True)
    shutil.copy(toy_data / "tokenizer.model", home / "models" / "flores200sacrebleuspm")
    result = json.loads(ctx("eval", "--ref", files / "ref", "--hyp", files / "flores.one.hi", "--json", SACREBLEU=str(home)).stdout)  # noqa: E501 # fmt: skip
    lines = (files / "flores.one.hi").read_text(encoding="utf-8").splitlines()
    pieces = Tokenizer.load(toy_data / "tokenizer.model").pieces
    references = [" ".join(each) for each in pieces([tgt for _, tgt in SENTENCES])]
    cut = [" ".join(each) for each in pieces(lines)], [references]
    (score,) = [score for score in result["scores"] if score["name"] == "spBLEU"]
    assert score["value"] == round(BLEU(tokenize="none", force=True).corpus_score(*cut).score, 2)
    assert "tok:flores200" in score["signature"]


def test_comet_is_measured_where_it_is_installed(files: Path, ctx: Run, tmp_path: Path) -> None:
    """With a stand-in of the package that scores a translation by its length, so that the mean is known."""
    (tmp_path / "site" / "comet").mkdir(parents=True)
    (tmp_path / "site" / "comet" / "__init__.py").write_text(
        "__version__ = '2.2.0'\n"
        "class Model:\n"
        "    def predict(self, rows, batch_size, gpus, progress_bar):\n"
        "        assert set(rows[0]) == {'src', 'mt', 'ref'}\n"
        "        return type('Output', (), {'scores': [len(row['mt']) / 100 for row in rows]})\n"
        "download_model = lambda name: name\n"
        "load_from_checkpoint = lambda path: Model()\n"
    )
    path = f"{tmp_path / 'site'}:{Path(__file__).parent.parent}"
    done = ctx("eval", "--src", files / "src", "--ref", files / "ref", "--hyp", files / "flores.one.hi", "--metrics", "bleu,comet", "--json", PYTHONPATH=path)  # noqa: E501 # fmt: skip
    assert done.returncode == 0, done.stderr
    _, comet = json.loads(done.stdout)["scores"]
    lines = (files / "flores.one.hi").read_text(encoding="utf-8").splitlines()
    assert comet["value"] == round(sum(map(len, lines)) / 1000, 4)
    assert comet["signature"] == "nrefs:1|model:Unbabel/wmt22-comet-da|version:2.2.0"
