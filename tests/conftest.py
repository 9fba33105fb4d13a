"""What the tests share: a cache of their own, small models with random weights, and a way to run `ctx`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # no test needs the network; test_hub.py sets its own
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has an empty cache."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("CTX_HOME", str(cache))
    return cache


@pytest.fixture
def ctx() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `ctx` with arguments in a process of its own."""

    def run(*arguments: str | Path, stdin: str | bytes = "", **env: str) -> subprocess.CompletedProcess[str]:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [sys.executable, "-m", "indictrans_cli", *map(str, arguments)],
            input=data, capture_output=True, timeout=300, env={**os.environ, **env},
        )  # fmt: skip
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
        )

    return run


SENTENCES = [
    ("The water is cold.", "पानी ठंडा है।"),
    ("My brother reads a book.", "मेरा भाई किताब पढ़ता है।"),
    ("Where do you live?", "आप कहाँ रहते हैं?"),
    ("I will come tomorrow.", "मैं कल आऊँगा।"),
    ("She sings well.", "वह अच्छा गाती है।"),
    ("We have two cows.", "हमारे पास दो गायें हैं।"),
    ("The bus has gone.", "बस चली गई।"),
    ("Give me some tea, please.", "कृपया मुझे चाय दीजिए।"),
    ("It rained in the night.", "रात में बारिश हुई।"),
    ("This road goes to the village.", "यह सड़क गाँव जाती है।"),
]


@pytest.fixture(scope="session")
def toy_pairs() -> list[tuple[str, str]]:
    """A thousand distinct pairs of simple sentences, by composition: enough to train a vocabulary on."""
    people = {
        "Ravi": "रवि", "Meena": "मीना", "my friend": "मेरा दोस्त", "the teacher": "अध्यापक", "he": "वह", "the farmer": "किसान",
        "Anil": "अनिल", "the boy": "लड़का", "the doctor": "डॉक्टर", "Suresh": "सुरेश",
    }.items()  # fmt: skip
    things = {
        "water": "पानी", "a book": "किताब", "the letter": "चिट्ठी", "tea": "चाय", "rice": "चावल", "the newspaper": "अख़बार",
        "a mango": "आम", "bread": "रोटी", "the box": "डिब्बा", "milk": "दूध",
    }.items()  # fmt: skip
    deeds = {
        "brings": "लाता है", "wants": "चाहता है", "sees": "देखता है", "sells": "बेचता है", "buys": "ख़रीदता है", "finds": "पाता है",
        "gives": "देता है", "takes": "लेता है", "keeps": "रखता है", "likes": "पसंद करता है",
    }.items()  # fmt: skip
    return [
        (f"{who[0].upper()}{who[1:]} {does} {what}.", f"{kaun} {kya} {kare}।")
        for who, kaun in people
        for what, kya in things
        for does, kare in deeds
    ]


@pytest.fixture(scope="session")
def toy_tsv(tmp_path_factory: pytest.TempPathFactory, toy_pairs: list[tuple[str, str]]) -> Path:
    path = tmp_path_factory.mktemp("toy") / "toy.tsv"
    path.write_text("".join(f"{src}\t{tgt}\n" for src, tgt in toy_pairs), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def toy_data(tmp_path_factory: pytest.TempPathFactory, toy_tsv: Path) -> Path:
    """A folder of prepared data."""
    from indictrans_cli.corpus.prepare import PrepareConfig, prepare
    from indictrans_cli.corpus.sources import Source

    folder = tmp_path_factory.mktemp("toy") / "data"
    prepare([Source(str(toy_tsv))], folder, PrepareConfig(vocab_size=340))
    return folder


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory: pytest.TempPathFactory, toy_data: Path) -> Iterator[Path]:
    """A model directory: preset tiny's layers at half its width, random weights."""
    import torch

    from indictrans_cli.config import ModelConfig
    from indictrans_cli.corpus.shards import open_data
    from indictrans_cli.model.load import transformer_weights
    from indictrans_cli.model.transformer import Transformer
    from indictrans_cli.model_directory import save_model

    tokenizer = open_data(toy_data).tokenizer
    torch.manual_seed(7)
    config = ModelConfig(tokenizer.vocab_size, d_model=64, n_heads=4, d_ff=128, encoder_layers=2, decoder_layers=2)
    model = Transformer(config)
    with torch.no_grad():  # biases and norms of a trained model are not 0 and 1
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    folder = tmp_path_factory.mktemp("toy") / "model"
    weights = transformer_weights(model)
    save_model(folder, config, weights, tokenizer.model, "# toy\n", src_lang="en", tgt_lang="hi")
    yield folder
