"""Reading sources, cleaning, splitting, and the folder of prepared data."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path

import numpy as np
import pytest

from indictrans_cli.corpus.clean import FILTERS, Cleaner, TestOverlap, repair
from indictrans_cli.corpus.prepare import PrepareConfig, prepare
from indictrans_cli.corpus.shards import open_data
from indictrans_cli.corpus.sources import Source, parse_source, parse_sources, read_pairs
from indictrans_cli.errors import DataError, InputError, OptionError, OutputError
from indictrans_cli.tokenizer import Tokenizer, train_tokenizer
from tests.conftest import SENTENCES

TestOverlap.__test__ = False  # pytest: this is no test

TSV = "".join(f"{src}\t{tgt}\tmore\n" for src, tgt in SENTENCES)


def pairs_of(name: str | Path, limit: int = 0) -> list[tuple[str, str]]:
    return list(read_pairs(Source(str(name)), "en", "hi", limit))


@pytest.mark.parametrize(
    ("text", "source"),
    [("a.tsv", Source("a.tsv")), ("a.tsv=8", Source("a.tsv", 8.0)), ("x=y.tsv", Source("x=y.tsv")),
     ("samanantar:hi=0.5", Source("samanantar:hi", 0.5))],
)  # fmt: skip
def test_a_source_is_a_name_and_perhaps_a_weight(text: str, source: Source) -> None:
    assert parse_source(text) == source


@pytest.mark.parametrize("weight", ["0", "-1", "nan", "inf"])
def test_a_weight_must_be_above_zero(weight: str) -> None:
    with pytest.raises(DataError, match="weight"):
        parse_source(f"a.tsv={weight}")


def test_tab_separated_files_are_read_plain_and_compressed(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(TSV, encoding="utf-8")
    (tmp_path / "b.tsv.gz").write_bytes(gzip.compress(TSV.encode()))
    (tmp_path / "c.tsv.xz").write_bytes(lzma.compress(TSV.encode()))
    for name in ("a.tsv", "b.tsv.gz", "c.tsv.xz"):
        assert pairs_of(tmp_path / name) == SENTENCES
    assert pairs_of(tmp_path) == SENTENCES * 3
    assert pairs_of(tmp_path / "a.tsv", limit=2) == SENTENCES[:2]


def test_line_aligned_files_are_named_by_either_side_or_their_stem(tmp_path: Path) -> None:
    (tmp_path / "news.en").write_text("".join(f"{src}\n" for src, _ in SENTENCES), encoding="utf-8")
    (tmp_path / "news.hi").write_text("".join(f"{tgt}\n" for _, tgt in SENTENCES), encoding="utf-8")
    for name in ("news.en", "news.hi", "news"):
        assert pairs_of(tmp_path / name) == SENTENCES


def test_two_sides_of_a_pair_of_files_are_one_source() -> None:
    assert parse_sources(["a.en", "a.hi", "b.hi", "c.tsv=2"], "en", "hi") == [
        Source("a.en"), Source("b.hi"), Source("c.tsv", 2.0)
    ]  # fmt: skip


def test_an_aligned_file_that_ends_early_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.en").write_text("one\ntwo\n")
    (tmp_path / "a.hi").write_text("एक\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.hi' ends after 1 lines"):
        pairs_of(tmp_path / "a")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.tsv", b"one\tek\ncaf\xe9\tx\n", "not UTF-8 near line"),
        ("a.tsv.xz", b"not xz", "damaged"),
        ("a.tsv.gz", gzip.compress(TSV.encode())[:-20], "damaged"),
        ("b.tsv.gz", gzip.compress(TSV.encode())[:30] + b"\xff" * 40, "damaged"),
    ],
)
def test_a_damaged_file_is_named_with_its_reason(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        pairs_of(tmp_path / name)


def test_a_source_that_is_not_there_says_what_could_be_given() -> None:
    with pytest.raises(InputError, match=r"no source 'nowhere'.*samanantar:hi"):
        pairs_of("nowhere")


def test_a_local_folder_is_never_taken_for_a_hub_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ai4bharat" / "samanantar").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="hides the data set"):
        pairs_of("samanantar:hi")


@pytest.mark.parametrize(
    ("name", "src", "tgt"),
    [
        ("empty", "...", "पानी"),
        ("empty", "Water", ""),
        ("long", "word " * 160, "शब्द " * 160),
        ("lopsided", "Yes.", "हाँ, " * 10),
        ("copied", "Linux", "linux"),
        ("script", "Water है", "पानी"),
        ("script", "Water is cold.", "Water is thanda."),
        ("numbers", "He paid 1,500 rupees.", "उसने 15 रुपये दिए।"),
        ("markup", "Press <b>Save</b>.", "<b>सहेजें</b> दबाएँ।"),
        ("markup", "%d files", "%d फ़ाइलें"),
        ("repetitive", "no no no no no", "नहीं, बिल्कुल नहीं"),
    ],
)
def test_each_filter_drops_what_it_is_for_and_is_counted(name: str, src: str, tgt: str) -> None:
    cleaner = Cleaner()
    assert list(cleaner.clean([(src, tgt)])) == []
    assert cleaner.counts[name] == 1
    assert name in FILTERS


def test_good_pairs_pass_every_filter_unchanged() -> None:
    cleaner = Cleaner()
    assert list(cleaner.clean(SENTENCES)) == SENTENCES
    assert cleaner.counts == {"read": 10, "kept": 10}


def test_a_grouped_number_in_another_grouping_is_the_same_number() -> None:
    assert list(Cleaner().clean([("It costs 187,500 rupees.", "इसकी क़ीमत 1,87,500 रुपये है।")]))


def test_hindi_that_repeats_a_syllable_is_not_repetitive() -> None:
    pair = ("He came and went again and again.", "वह बार-बार आता-जाता रहा, कभी यहाँ कभी वहाँ।")
    assert list(Cleaner().clean([pair])) == [pair]


def test_duplicates_and_trivial_variants_are_kept_once() -> None:
    pairs = [SENTENCES[0], SENTENCES[0], ("the water is cold", "पानी ठंडा है.")]
    cleaner = Cleaner()
    assert list(cleaner.clean(pairs)) == SENTENCES[:1]
    assert cleaner.counts["duplicate"] == 2


def test_overlap_with_a_test_set_is_dropped_in_either_language() -> None:
    long = "The committee met on Monday to talk about the new bridge over the river."
    cleaner = Cleaner([SENTENCES[1][0], SENTENCES[2][1], long])
    partly = ("Yesterday the committee met on Monday to talk about the school.", "समिति की बैठक हुई।")
    kept = list(cleaner.clean([*SENTENCES, partly]))
    assert kept == [SENTENCES[0], *SENTENCES[3:]]
    assert cleaner.counts["test"] == 3


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("“Go”, he said.", "“जाओ”, उसने कहा।"), ('"Go", he said.', '"जाओ", उसने कहा।')),
        (("It is 5 km.", "यह ५ किमी है |"), ("It is 5 km.", "यह 5 किमी है।")),
        (("Stop\u00a0here.", "यहाँ  रुको."), ("Stop here.", "यहाँ रुको।")),
        (("Fort", "क़िला"), ("Fort", "क\u093cिला")),  # NFC writes the nukta as a sign of its own
    ],
)
def test_repairs(before: tuple[str, str], after: tuple[str, str]) -> None:
    assert repair(*before) == after


def test_prepared_data_hold_the_pairs_token_by_token(toy_data: Path, toy_pairs: list[tuple[str, str]]) -> None:
    data = open_data(toy_data)
    texts = set()
    for index in range(len(data.train)):
        src = data.train.src_tokens[data.train.src_offsets[index] : data.train.src_offsets[index + 1]].tolist()
        tgt = data.train.tgt_tokens[data.train.tgt_offsets[index] : data.train.tgt_offsets[index + 1]].tolist()
        assert src[-1] == tgt[-1] == data.tokenizer.eos_id
        texts.add(tuple(data.tokenizer.decode([src, tgt])))
    assert texts | set(data.valid_text()) == set(toy_pairs)
    assert texts & set(data.valid_text()) == set()
    assert 20 <= len(data.valid_text()) <= 80  # about a twentieth


def test_the_same_english_is_never_on_both_sides_of_the_split(tmp_path: Path, toy_pairs: list[tuple[str, str]]) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("".join(f"{src}\t{tgt}\n{src}\t{tgt[:-1]} जी।\n" for src, tgt in toy_pairs), encoding="utf-8")
    prepare([Source(str(path))], tmp_path / "data", PrepareConfig(vocab_size=340))
    data = open_data(tmp_path / "data")
    held_out = {src for src, _ in data.valid_text()}
    src = [
        data.train.src_tokens[a:b].tolist()
        for a, b in zip(data.train.src_offsets, data.train.src_offsets[1:], strict=False)
    ]
    assert held_out.isdisjoint(data.tokenizer.decode(src))


def test_preparing_twice_gives_the_same_bytes(tmp_path: Path, toy_tsv: Path) -> None:
    for name in ("one", "two"):
        prepare([Source(str(toy_tsv))], tmp_path / name, PrepareConfig(vocab_size=340))
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_a_tokenizer_can_be_taken_from_elsewhere(tmp_path: Path, toy_tsv: Path, toy_data: Path) -> None:
    tokenizer = Tokenizer.load(toy_data / "tokenizer.model")
    prepare([Source(str(toy_tsv))], tmp_path / "data", PrepareConfig(), tokenizer=tokenizer)
    assert (tmp_path / "data" / "tokenizer.model").read_bytes() == tokenizer.model


def test_too_little_text_is_said_with_what_was_dropped(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("One\tOne\nTwo\tTwo\n")
    with pytest.raises(DataError, match=r"only 0 pairs .* copied 2"):
        prepare([Source(str(tmp_path / "a.tsv"))], tmp_path / "data", PrepareConfig())
    assert not (tmp_path / "data").exists()


def test_a_vocabulary_larger_than_the_text_can_fill_is_refused(tmp_path: Path, toy_tsv: Path) -> None:
    with pytest.raises(DataError, match="vocabulary of 30,000"):
        prepare([Source(str(toy_tsv))], tmp_path / "data", PrepareConfig(vocab_size=30000))
    with pytest.raises(OptionError, match="at least 300"):
        PrepareConfig(vocab_size=200)


def test_without_a_size_the_vocabulary_is_what_the_text_can_fill(tmp_path: Path, toy_tsv: Path) -> None:
    prepare([Source(str(toy_tsv))], tmp_path / "data", PrepareConfig())
    assert 300 <= open_data(tmp_path / "data").tokenizer.vocab_size <= 1000


def test_preparing_never_overwrites_what_is_not_prepared_data(tmp_path: Path, toy_tsv: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "data.json").write_text("{}")
    (tmp_path / "data" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds 'thesis\.txt'"):
        prepare([Source(str(toy_tsv))], tmp_path / "data", PrepareConfig(vocab_size=340))
    assert (tmp_path / "data" / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("count", [25, 200])
def test_a_small_corpus_gets_a_small_vocabulary_and_something_held_out(
    count: int, tmp_path: Path, toy_pairs: list[tuple[str, str]]
) -> None:
    (tmp_path / "a.tsv").write_text("".join(f"{src}\t{tgt}\n" for src, tgt in toy_pairs[:count]), encoding="utf-8")
    info = prepare([Source(str(tmp_path / "a.tsv"))], tmp_path / "data", PrepareConfig(seed=3))
    assert info["valid"]["pairs"] >= 1
    assert info["train"]["pairs"] + info["valid"]["pairs"] == count


def test_a_broken_shard_is_named(tmp_path: Path, toy_tsv: Path) -> None:
    prepare([Source(str(toy_tsv))], tmp_path / "data", PrepareConfig(vocab_size=340))
    shard = tmp_path / "data" / "train.safetensors"
    content = bytearray(shard.read_bytes())
    content[-10] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match=r"train\.safetensors' is missing or not what was prepared"):
        open_data(tmp_path / "data")


def test_data_of_another_version_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps({"format_version": 99}))
    with pytest.raises(DataError, match="another version"):
        open_data(tmp_path)
    with pytest.raises(DataError, match="not a folder of prepared data"):
        open_data(tmp_path / "nowhere")


def test_a_tokenizer_gives_back_any_text(toy_pairs: list[tuple[str, str]]) -> None:
    numbers = [f"{number} {number}" for number in range(1000, 2000)]
    tokenizer = train_tokenizer(iter([side for pair in toy_pairs for side in pair] + numbers), 340)
    texts = ["The water is cold.", "क्षत्रिय ज़रूर श्री ॐ", "日本語 😀", "1,87,500.25", "naïve café", "<s></s>"]
    assert tokenizer.decode(tokenizer.encode(texts)) == texts
    assert (tokenizer.pad_id, tokenizer.unk_id, tokenizer.bos_id, tokenizer.eos_id) == (0, 1, 2, 3)
    digits = tokenizer.pieces(["187500"])[0]
    assert [piece for piece in digits if piece != "▁"] == list("187500")


def test_token_types_are_as_small_as_the_vocabulary_allows(toy_data: Path) -> None:
    assert open_data(toy_data).train.src_tokens.dtype == np.uint16
