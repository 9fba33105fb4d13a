"""`ctx doctor`: what is installed here, and what that means."""

from __future__ import annotations

import platform
import sys

from .console import note

#: package: what is missing without it
_PACKAGES = {
    "ctranslate2": "translating",
    "sentencepiece": "translating",
    "typer": "everything",
    "platformdirs": "everything",
    "torch": "training, ctx eval of perplexity, --engine torch",
    "numpy": "training and new models",
    "safetensors": "training",
    "rich": "the live display",
    "sacrebleu": "ctx eval",
    "datasets": "data sets from the Hub",
    "huggingface_hub": "data sets from the Hub",
    "transformers": "ctx export --to huggingface",
    "liger-kernel": "the fused loss on CUDA",
}


def doctor() -> None:
    """Show what is installed, which device and number format would be used, and what the cache holds."""
    from importlib import metadata

    from .. import __version__
    from ..device import cpu_computes_bfloat16, cpu_threads
    from ..engines.choose import find_model
    from ..engines.ctranslate2 import cuda_devices
    from ..errors import CtxError
    from ..paths import cache_dir, folder_size

    rows = []
    for name, purpose in _PACKAGES.items():
        try:
            rows.append([name, metadata.version(name), ""])
        except metadata.PackageNotFoundError:
            rows.append([name, "missing", f"needed for {purpose}"])
    print(f"ctx {__version__}, Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    print("\n".join(f"  {row[0]:16} {row[1]:10} {row[2]}".rstrip() for row in rows))
    print(f"processor     {cpu_threads()} threads, trains in {'bfloat16' if cpu_computes_bfloat16() else 'float32'}")
    healthy = True
    try:
        print(f"CUDA          {cuda_devices() or 'none'}{' device(s)' if cuda_devices() else ''}")
        bundled = find_model(None)
        print(f"bundled model {bundled.path} ({bundled.config.parameter_count() / 1e6:.1f} M parameters)")
    except CtxError as error:
        healthy = False
        note(f"ctx: {error}")
    print(f"cache         {cache_dir()} ({folder_size(cache_dir()) / 1e6:.1f} MB)")
    print(
        "network       not needed: translating, training on files and scoring work offline; only Hub data sets need it"
    )
    if not healthy:
        sys.exit(1)
