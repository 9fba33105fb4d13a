"""Reading data sets from the Hugging Face Hub, against a stand-in on 127.0.0.1.

The Hub's libraries read their settings when they are imported, so every reading is in a process of its own.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from indictrans_cli.corpus.shards import open_data
from indictrans_cli.errors import DataError, NetworkError
from tests.hub import Hub, serve, take_for_the_real_one

Pair = tuple[str, str]
Run = Callable[..., subprocess.CompletedProcess[str]]

SAMANANTAR = "ai4bharat/samanantar"
TOKEN = "hf_thisIsNobodysToken"

CARD = """---
configs:
- config_name: bn
  data_files:
  - split: train
    path: bn/train-*
- config_name: hi
  data_files:
  - split: train
    path: hi/train-*
---
# Samanantar
"""

TRANSLATIONS: list[dict[str, str | None]] = [
    {"en": "Good morning.", "hi": "सुप्रभात।"},
    {"en": "Thank you.", "hi": None},
    {"en": "Come in.", "hi": "अंदर आइए।"},
]

READ = """
import json, sys
from indictrans_cli.corpus.sources import Source, read_pairs
print(json.dumps(list(read_pairs(Source(sys.argv[1]), "en", "hi", int(sys.argv[2])))))
"""


def parquet(pairs: list[Pair]) -> bytes:
    """The columns of ai4bharat/samanantar."""
    import pyarrow
    import pyarrow.parquet

    content = io.BytesIO()
    rows = [{"idx": number, "src": src, "tgt": tgt} for number, (src, tgt) in enumerate(pairs)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), content)
    return content.getvalue()


@pytest.fixture(scope="session")
def pairs() -> list[Pair]:
    """Distinct pairs about people whose names differ more than ordinary words: enough for 400 pieces."""
    roman = "ra vi mee na su ta go pa li ka de bhu sha jo".split()
    nagari = "रा वि मी ना सु ता गो पा लि का दे भू शा जो".split()
    deeds = [("brings water", "पानी लाता है"), ("reads a book", "किताब पढ़ता है"), ("sells rice", "चावल बेचता है")]
    names = zip(itertools.product(roman, repeat=3), itertools.product(nagari, repeat=3), strict=True)
    return [
        (f"{''.join(en).title()} {deeds[number % 3][0]}.", f"{''.join(hi)} {deeds[number % 3][1]}।")
        for number, (en, hi) in enumerate(itertools.islice(names, 0, None, 7))
    ]


@pytest.fixture
def hub(pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub of three data sets, which every process that a test starts takes for the real one."""
    translations = [json.dumps({"id": "0", "translation": row}) + "\n" for row in TRANSLATIONS]
    repositories = {
        SAMANANTAR: {
            "README.md": CARD.encode(),
            "bn/train-00000-of-00001.parquet": parquet([("The water is cold.", "জল ঠান্ডা।")]),
            "hi/train-00000-of-00002.parquet": parquet(pairs[:200]),
            "hi/train-00001-of-00002.parquet": parquet(pairs[200:]),
        },
        "owner/name": {"train.jsonl": "".join(translations).encode()},
        "owner/columns": {"data/train.csv": "english,hindi,score\nGood.,अच्छा।,1\n".encode()},
    }
    with serve(repositories) as hub:
        take_for_the_real_one(hub, tmp_path, monkeypatch)
        yield hub


def read(source: str, limit: int = 0) -> list[Pair]:
    done = subprocess.run([sys.executable, "-c", READ, source, str(limit)], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode("utf-8")
    return [(src, tgt) for src, tgt in json.loads(done.stdout)]


@pytest.fixture
def refusal(ctx: Run, hub: Hub, tmp_path: Path) -> Callable[..., str]:
    """The one sentence with which `ctx prepare SOURCE` ends, for an error of the kind expected."""

    def run(source: str, kind: type[NetworkError] | type[DataError], **env: str) -> str:
        done = ctx("prepare", source, "--out", tmp_path / "out", **env)
        assert done.returncode == kind.exit_code, done.stderr
        assert done.stdout == "" and not (tmp_path / "out").exists()
        assert re.fullmatch(r"ctx: [^\n]+\n", done.stderr), done.stderr
        assert not re.search(r"\.[\s;]+\S", done.stderr), "more than one sentence"
        return done.stderr

    return run


def test_samanantar_gives_the_pairs_of_a_language_in_order_over_all_its_files(hub: Hub, pairs: list[Pair]) -> None:
    assert read("samanantar:hi") == pairs
    assert hub.authorizations == set()


def test_a_limit_stops_before_the_next_file_is_fetched(hub: Hub, pairs: list[Pair]) -> None:
    assert read("samanantar:hi", limit=3) == pairs[:3]
    assert any("hi/train-00000-of-00002.parquet" in request for request in hub.requests)
    assert not any("hi/train-00001-of-00002.parquet" in request for request in hub.requests)


def test_a_translation_column_is_read_and_a_missing_side_is_empty(hub: Hub) -> None:
    assert read("hub:owner/name") == [(row["en"] or "", row["hi"] or "") for row in TRANSLATIONS]


def test_unknown_columns_are_refused_with_the_columns_there_are(refusal: Callable[..., str]) -> None:
    sentence = refusal("hub:owner/columns", DataError)
    assert "'owner/columns' has the columns english, hindi, score; expected src and tgt" in sentence


@pytest.mark.parametrize("source", ["samanantar:xx", f"hub:{SAMANANTAR}"])
def test_a_configuration_that_is_not_there_is_refused_with_those_there_are(
    refusal: Callable[..., str], source: str
) -> None:
    assert "['bn', 'hi']" in refusal(source, NetworkError)


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_failing_hub_is_asked_once_and_is_one_clear_sentence_without_the_token(
    hub: Hub, refusal: Callable[..., str], status: int
) -> None:
    hub.fail_with = status
    sentence = refusal("samanantar:hi", NetworkError, HF_TOKEN=TOKEN)
    assert f"cannot read '{SAMANANTAR}' from the Hugging Face Hub: it answers {status} " in sentence
    assert TOKEN not in sentence
    assert hub.authorizations == {f"Bearer {TOKEN}"}
    assert sum(SAMANANTAR in request for request in hub.requests) == 1


def test_a_missing_data_set_is_one_clear_sentence(refusal: Callable[..., str]) -> None:
    sentence = refusal("hub:owner/nothing", NetworkError)
    assert "cannot read 'owner/nothing'" in sentence and "404 Not Found; check the name" in sentence


def test_a_hub_that_cannot_be_reached_is_one_clear_sentence(refusal: Callable[..., str]) -> None:
    with serve({}) as gone:
        pass
    assert "onnection refused" in refusal("samanantar:hi", NetworkError, HF_ENDPOINT=gone.url)


def test_offline_with_an_empty_cache_is_one_clear_sentence(hub: Hub, refusal: Callable[..., str]) -> None:
    assert "OfflineMode" in refusal("samanantar:hi", NetworkError, HF_HUB_OFFLINE="1")
    assert hub.requests == []


def test_a_gated_data_set_is_refused_without_a_token_and_read_with_one(
    hub: Hub, refusal: Callable[..., str], pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated.add(SAMANANTAR)
    assert re.search("is a gated data ?set .*HF_TOKEN", refusal("samanantar:hi", NetworkError))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert read("samanantar:hi", limit=1) == pairs[:1]
    assert hub.authorizations == {f"Bearer {TOKEN}"}


def test_a_token_that_cannot_be_sent_is_not_quoted(refusal: Callable[..., str]) -> None:
    sentence = refusal("samanantar:hi", NetworkError, HF_TOKEN=f"{TOKEN}\v{TOKEN}")
    assert "the token holds a character" in sentence and TOKEN not in sentence


def test_samanantar_is_prepared_for_training(ctx: Run, hub: Hub, tmp_path: Path, pairs: list[Pair]) -> None:
    done = ctx("prepare", "samanantar:hi", "--out", tmp_path / "out", "--vocab-size", "400")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "out")
    data = open_data(tmp_path / "out")
    assert data.tokenizer.vocab_size == 400
    (source,) = json.loads((tmp_path / "out" / "data.json").read_text(encoding="utf-8"))["sources"]
    assert source["name"] == "samanantar:hi" and source["read"] == source["kept"] == len(pairs)
