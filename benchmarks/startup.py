#!/usr/bin/env python3
"""How long a first sentence, the help and the version take, as shares of `python -c "import torch"`.

    python benchmarks/startup.py [--runs 9] [--slack 1.0]

Every command runs in a process of its own, with an empty home, without network where the system allows that, in turns
(so that a busy moment hits all alike). Prints each one's median and its ratio to importing torch, against its limit.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CTX = str(Path(sys.executable).parent / "ctx")
BASELINE = "import torch"
COMMANDS: dict[str, tuple[list[str], float]] = {  # command, largest ratio allowed
    BASELINE: ([sys.executable, "-c", "import torch"], 1.0),
    "first sentence": ([CTX, "translate", "Hello, how are you?"], 0.25),
    "--help": ([CTX, "--help"], 0.15),
    "--version": ([CTX, "--version"], 0.15),
}


def seconds(command: list[str], prefix: list[str]) -> float:
    """The wall time of one run, with a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        env = {"HOME": home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        started = time.perf_counter()
        subprocess.run([*prefix, *command], check=True, stdout=subprocess.DEVNULL, env=env)
        return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--slack", type=float, default=1.0, help="factor on every limit, for a busy machine")
    options = parser.parse_args()
    prefix = ["unshare", "-rn"]
    if not shutil.which("unshare") or subprocess.run([*prefix, "true"], stderr=subprocess.DEVNULL).returncode:
        prefix = []
        print("(the network stays on: unshare is not allowed here)")
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for command, _ in COMMANDS.values():
        seconds(command, prefix)  # once unmeasured: byte code and page cache are there for all
    for _ in range(options.runs):
        for name, (command, _) in COMMANDS.items():
            times[name].append(seconds(command, prefix))
    baseline = statistics.median(times[BASELINE])
    failed = False
    for name, (_, limit) in COMMANDS.items():
        limit *= options.slack
        median = statistics.median(times[name])
        failed |= median / baseline > limit
        print(f"{name:16} {median:6.3f} s   {median / baseline:5.3f} x import torch   (at most {limit:.2f})")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
