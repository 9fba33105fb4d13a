"""scripts/gate, through which new pairs come into the corpus, and the corpus as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from indictrans_cli.corpus.clean import Cleaner
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


def test_nearly_all_of_the_corpus_passes_the_cleaning_it_goes_through() -> None:
    cleaner = Cleaner()
    kept = sum(1 for _ in cleaner.clean(read_pairs(Source(str(ROOT / "corpus" / "own")), "en", "hi")))
    assert kept > 45_000
    assert kept / cleaner.counts["read"] > 0.999
