"""Test sets: files, and the named ones from a stand-in of the Hub; kept at one commit, checked, and kept out of training."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from indictrans_cli.corpus import testsets
from indictrans_cli.errors import DataError, InputError
from tests.conftest import SENTENCES
from tests.hub import REVISION, Hub, serve, take_for_the_real_one

Run = Callable[..., subprocess.CompletedProcess[str]]


def rows_of(count: int) -> list[tuple[str, str]]:
    """As many distinct pairs as a published test set has."""
    numbers = "one two three four five six seven eight nine ten".split(), "एक दो तीन चार पाँच छह सात आठ नौ दस".split()
    english, hindi = (itertools.product(side, repeat=4) for side in numbers)
    pairs = itertools.islice(zip(english, hindi, strict=True), count)
    return [(f"Number {' '.join(en)}.", f"संख्या {' '.join(hi)}।") for en, hi in pairs]


def jsonl(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """IN22-Gen with its columns; FLORES-200's layout of a configuration a language; an NTREX that is too short."""
    in22 = [
        {"id": at, "domain": "news", "eng_Latn": en, "hin_Deva": hi} for at, (en, hi) in enumerate(rows_of(1024), 1)
    ]
    flores = rows_of(997)
    card = "---\nconfigs:\n" + "".join(
        f"- config_name: {language}\n  data_files:\n  - split: dev\n    path: {language}/dev.jsonl\n"
        for language in ("eng_Latn", "hin_Deva")
    ) + "---\n"  # fmt: skip
    repositories = {
        "ai4bharat/IN22-Gen": {"test.jsonl": jsonl(in22)},
        "facebook/flores": {
            "README.md": card.encode(),
            "eng_Latn/dev.jsonl": jsonl([{"id": at, "sentence": row[0]} for at, row in enumerate(flores)]),
            "hin_Deva/dev.jsonl": jsonl([{"id": at, "sentence": row[1]} for at, row in enumerate(flores)]),
        },
        "mteb/NTREX": {"test.jsonl": jsonl([{"eng_Latn": "Too short.", "hin_Deva": "बहुत छोटा।"}])},
    }
    with serve(repositories) as hub:
        take_for_the_real_one(hub, tmp_path, monkeypatch)
        yield hub


def hypotheses(tmp_path: Path, count: int) -> Path:
    path = tmp_path / "hyp"
    path.write_text("".join(f"{hi}\n" for _, hi in rows_of(count)), encoding="utf-8")
    return path


def test_a_named_set_is_fetched_once_at_one_commit_and_checked_when_read_again(
    hub: Hub, own_cache: Path, tmp_path: Path, ctx: Run
) -> None:
    hyp = hypotheses(tmp_path, 1024)
    done = ctx("eval", "--test", "in22", "--hyp", hyp, "--metrics", "bleu", "--samples", "100", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["scores"][0]["value"] == 100.0
    assert (result["test"], result["sentences"]) == ("in22:gen", 1024)
    assert result["origin"] == f"ai4bharat/IN22-Gen at {REVISION[:12]}"
    assert {group["label"] for group in result["groups"] if group["kind"] == "domain"} == {"news"}
    folder = own_cache / "tests" / "in22-gen"
    info = json.loads((folder / "test.json").read_text())
    assert (info["revision"], info["licence"]) == (REVISION, "CC BY 4.0")
    assert any(f"/resolve/{REVISION}/" in request for request in hub.requests)
    hub.requests.clear()
    hub.fail_with = 500
    assert ctx("eval", "--test", "in22:gen", "--hyp", hyp, "--metrics", "bleu", "--samples", "100").returncode == 0
    assert hub.requests == []
    lines = (folder / "ref.txt").read_text(encoding="utf-8")
    (folder / "ref.txt").write_text(lines.replace("एक", "दो", 1), encoding="utf-8")
    done = ctx("eval", "--test", "in22:gen", "--hyp", hyp)
    assert (done.returncode, done.stderr.count("\n")) == (6, 1)
    assert "is not the test set that was fetched" in done.stderr


def test_a_set_with_a_configuration_a_language_is_joined_and_kept_out_of_training(
    hub: Hub, tmp_path: Path, toy_tsv: Path, ctx: Run
) -> None:
    (tmp_path / "leak.tsv").write_text(
        toy_tsv.read_text(encoding="utf-8") + "".join(f"{en}\t{hi}\n" for en, hi in rows_of(30)), encoding="utf-8"
    )
    done = ctx("prepare", tmp_path / "leak.tsv", "--out", tmp_path / "data", "--exclude", "flores200:dev")
    assert done.returncode == 0, done.stderr
    (source,) = json.loads((tmp_path / "data" / "data.json").read_text(encoding="utf-8"))["sources"]
    assert source["read"] == 1030
    assert source["kept"] == 1000
    done = ctx("eval", "--test", "flores200:dev", "--hyp", hypotheses(tmp_path, 997), "--metrics", "bleu", "--json")
    assert json.loads(done.stdout)["scores"][0]["value"] == 100.0
    assert "not those that this project's figures were measured on" in done.stderr


def test_a_set_of_another_size_than_published_is_refused(hub: Hub, tmp_path: Path, ctx: Run) -> None:
    done = ctx("eval", "--test", "ntrex128", "--hyp", hypotheses(tmp_path, 1))
    assert (done.returncode, done.stderr.count("\n")) == (6, 1)
    assert f"'mteb/NTREX' at {REVISION[:12]} has 1 sentences; ntrex128 has 1997" in done.stderr


def test_a_hub_that_gives_no_answer_is_one_clear_sentence(hub: Hub, ctx: Run) -> None:
    hub.fail_with = 404
    done = ctx("eval", "--test", "in22:conv")
    assert done.returncode == 8
    assert re.fullmatch(r"ctx: cannot read 'ai4bharat/IN22-Conv' from the Hugging Face Hub: it answers 404 [^\n]+\n", done.stderr)  # noqa: E501 # fmt: skip


def test_files_are_found_by_either_side_or_by_their_stem(tmp_path: Path) -> None:
    for side, at in (("en", 0), ("hi", 1)):
        (tmp_path / f"news.{side}").write_text("".join(f"{pair[at]}\n" for pair in SENTENCES), encoding="utf-8")
    for name in ("news", "news.en", "news.hi"):
        test = testsets.open_test_set(str(tmp_path / name))
        assert test.name == "news"
        assert test.sources is not None
        assert list(zip(test.sources, test.references, strict=True)) == SENTENCES


def test_a_table_gives_domains_where_every_line_has_one(tmp_path: Path) -> None:
    path = tmp_path / "news.tsv"
    path.write_text("".join(f"{en}\t{hi}\thome\n" for en, hi in SENTENCES), encoding="utf-8")
    assert testsets.open_test_set(str(path)).domains == ["home"] * 10
    path.write_text("".join(f"{en}\t{hi}\n" for en, hi in SENTENCES), encoding="utf-8")
    assert testsets.open_test_set(str(path)).domains is None


def test_a_broken_line_of_a_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "news.tsv"
    path.write_text("One.\tएक।\nTwo.\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"line 2 of '.*news\.tsv'"):
        testsets.open_test_set(str(path))


def test_an_unknown_name_tells_the_known_ones() -> None:
    with pytest.raises(InputError, match="flores200:dev, flores200:devtest, ntrex128, in22:gen, in22:conv"):
        testsets.open_test_set("flores")
