"""scripts/gate, through which new pairs come into the corpus, and the corpus as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from indictrans_cli.corpus.clean import Cleaner, skeleton
from indictrans_cli.corpus.sources import Source, read_pairs
from tests.conftest import ROOT


def test_the_gate_takes_good_pairs_and_says_why_it_turns_others_away(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "old.tsv").write_text("The tea is hot.\tचाय गरम है।\n", encoding="utf-8")
    (tmp_path / "test.en").write_text("Where is my hat?\n")
    lines = {
        "He sells fresh milk. ||| वह ताज़ा दूध बेचता है।": "",
        "She has 3 brothers. ||| उसके 4 भाई हैं।": "numbers",
        "Hot is the tea. ||| चाय गरम है।": "in the corpus already",
        "Where is my hat? ||| मेरी टोपी कहाँ है?": "test",
        "One part only.": "not two parts",
        "Open a file. ||| फ़ाइल खोलिए, OK please now।": "Latin letters in the Hindi",
        "It is nine. ||| नौ बजे हैं": "no stop at the end of the Hindi",
    }
    (tmp_path / "new" / "001.txt").write_text("\n".join(lines), encoding="utf-8")
    out = tmp_path / "corpus" / "new.tsv"
    command = [sys.executable, ROOT / "scripts" / "gate", tmp_path / "new", out, "--exclude", tmp_path / "test.en"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert out.read_text(encoding="utf-8") == "He sells fresh milk.\tवह ताज़ा दूध बेचता है।\n"
    assert done.stderr.splitlines() == [f"{why}: {line}" for line, why in lines.items() if why]
    assert "1 pairs accepted, 6 turned away" in done.stdout


def english(path: Path) -> set[str]:
    """The English sides of a file of pairs, without what makes trivial variants."""
    return {skeleton(line.split("\t")[0]) for line in path.read_text(encoding="utf-8").splitlines()}


def test_what_is_held_out_is_not_in_the_corpus() -> None:
    corpus = set().union(*map(english, (ROOT / "corpus" / "own").glob("*.tsv")))
    assert english(ROOT / "corpus" / "heldout.tsv").isdisjoint(corpus)
    assert english(ROOT / "tests" / "data" / "everyday" / "fresh.tsv").isdisjoint(corpus)


def test_the_hash_of_the_english_decides_what_is_held_out(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    pairs = [f"Sentence number {number}.\tवाक्य {number}।\n" for number in range(6000)]
    (tmp_path / "own" / "a.tsv").write_text("".join(pairs), encoding="utf-8")
    command = [sys.executable, ROOT / "scripts" / "heldout", tmp_path]
    subprocess.run(command, check=True)
    held_out = (tmp_path / "heldout.tsv").read_text(encoding="utf-8")
    assert 70 <= len(held_out.splitlines()) <= 130  # one in sixty
    assert sorted(
        [*held_out.splitlines(), *(tmp_path / "own" / "a.tsv").read_text(encoding="utf-8").splitlines()]
    ) == sorted(pair.strip() for pair in pairs)
    assert "0 of them new" in subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert (tmp_path / "heldout.tsv").read_text(encoding="utf-8") == held_out


def test_the_everyday_sentences_are_counted_in_two_halves() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / "everyday"], capture_output=True, text=True, check=True)
    halves = [
        re.fullmatch(r"(set|fresh): (\d+) of 150 as one of .*, (\d+) near one \(\d+%\)", line)
        for line in done.stdout.splitlines()
    ]
    assert [half[1] for half in halves if half] == ["set", "fresh"]
    assert all(0 < int(half[2]) <= int(half[3]) <= 150 for half in halves if half)


def test_nearly_all_of_the_corpus_passes_the_cleaning_it_goes_through() -> None:
    cleaner = Cleaner()
    kept = sum(1 for _ in cleaner.clean(read_pairs(Source(str(ROOT / "corpus" / "own")), "en", "hi")))
    assert kept > 45_000
    assert kept / cleaner.counts["read"] > 0.999
