"""The five commands, one after the other, from nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.conftest import ROOT


def test_prepare_train_eval_translate_and_export_in_under_five_minutes(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    started = time.monotonic()
    done = subprocess.run(
        [ROOT / "scripts" / "spine", tmp_path / "out"],
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 300
    for expected in ("perplexity", "chrF2++", "export-huggingface"):
        assert expected in done.stdout
    perplexity = float(done.stdout.partition("perplexity")[2].split()[0])
    assert perplexity < 400, "an untrained model of 2,000 pieces stands at about 2,000"
    assert (tmp_path / "out" / "model" / "MODEL_CARD.md").read_text().startswith("# tiny-data")
