"""The direction of imports, and what the light commands do not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import indictrans_cli

PACKAGE = Path(indictrans_cli.__file__).parent

BASE = {"config", "device", "paths", "errors", "text", "tokenizer", "model_directory"}
#: room -> the rooms it may import (its own, and the base, always)
ALLOWED: dict[str, set[str]] = {
    "model": set(),
    "decoding": {"model"},
    "engines": {"model", "decoding"},
    "documents": set(),
    "corpus": set(),
    "training": {"corpus", "decoding", "model"},
    "translator": {"documents", "engines"},
    "evaluation": {"corpus", "training", "model"},
    "interchange": set(),
    "export": {"engines", "interchange"},
    "cli": {
        "corpus",
        "documents",
        "engines",
        "evaluation",
        "export",
        "interchange",
        "model",
        "training",
        "translator",
        "decoding",
    },
    "__init__": {"translator"},
    "__main__": {"cli"},
}


def imports_of(path: Path) -> set[str]:
    """The rooms and base modules of this package that a file imports, wherever in it."""
    inside = path.relative_to(PACKAGE).parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = inside[: len(inside) - node.level]
            target = [*base, *(node.module.split(".") if node.module else [])]
            found |= {target[0]} if target else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("indictrans_cli"):
            found.add(node.module.partition(".")[2].split(".")[0])
    return {name for name in found if name and not name.startswith("__")}


def test_imports_point_one_way_only() -> None:
    broken = []
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        allowed = BASE | {room} | ALLOWED.get(room, set())
        assert room in BASE or room in ALLOWED, f"{path} stands in a room that docs/architecture.md does not know"
        broken += [f"{path.relative_to(PACKAGE)} imports {name}" for name in imports_of(path) - allowed]
    assert broken == []


def test_the_base_imports_nothing_above_it() -> None:
    for name in BASE:
        assert imports_of(PACKAGE / f"{name}.py") <= BASE


def test_documents_never_import_torch() -> None:
    for path in (PACKAGE / "documents").glob("*.py"):
        assert "import torch" not in path.read_text(encoding="utf-8")


def loaded_after(code: str) -> set[str]:
    """Top-level modules a fresh interpreter holds after running `code`."""
    script = f"import sys\n{code}\nprint(' '.join(sorted(name.split('.')[0] for name in sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    return set(done.stderr.splitlines()[-1].split())


RUN = "import indictrans_cli.__main__ as m\nsys.argv = ['ctx', {}]\ntry:\n    m.main()\nexcept SystemExit:\n    pass"


def test_help_and_translate_load_neither_torch_nor_transformers_nor_datasets() -> None:
    heavy = {"torch", "transformers", "datasets", "numpy", "rich"}
    assert loaded_after(RUN.format("'--help'")) & (heavy | {"ctranslate2", "sentencepiece"}) == set()
    loaded = loaded_after(RUN.format("'translate', 'Hello'"))
    assert "ctranslate2" in loaded
    assert loaded & heavy == set()


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = loaded_after("from indictrans_cli import __version__")
    assert loaded & {"torch", "numpy", "ctranslate2", "sentencepiece", "typer", "rich"} == set()


def test_a_first_sentence_takes_a_fraction_of_importing_torch() -> None:
    """The limits of benchmarks/startup.py, with slack: other work may run beside the tests."""
    command = [sys.executable, PACKAGE.parent / "benchmarks" / "startup.py", "--runs", "5", "--slack", "1.6"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
