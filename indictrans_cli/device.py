"""The one place that chooses the device, the number format and the thread count.

CUDA is used where there is any. On a CPU, bfloat16 is chosen for training only where the processor multiplies in
bfloat16 (avx512_bf16, amx_bf16): there a matrix product ran three times as fast as in float32; elsewhere it is emulated
and slow.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import OptionError, missing_package

if TYPE_CHECKING:
    import torch

DTYPES = ("float32", "bfloat16")

#: values of ONEDNN_MAX_CPU_ISA that still let oneDNN use bfloat16 instructions
_BF16_ISAS = ("AVX512_CORE_BF16", "AVX512_CORE_FP16", "AVX10_1_512", "AVX10_1_512_AMX", "AVX512_CORE_AMX", "DEFAULT")


def choose_device(wanted: str = "auto") -> torch.device:
    """`auto`, `cpu`, `cuda` or `cuda:N` as a torch device. OptionError for CUDA where there is none."""
    try:
        import torch
    except ImportError as error:
        raise missing_package("torch", "this command") from error
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if not re.fullmatch(r"cpu|cuda(:\d+)?", wanted):
        raise OptionError(f"--device {wanted}: not a device; use auto, cpu or cuda")
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise OptionError("--device cuda: no CUDA device is visible here; use --device cpu or auto")
    return torch.device(wanted)


def choose_training_dtype(device: torch.device, wanted: str = "auto") -> torch.dtype:
    """The dtype of weights and activations in training; master weights are float32 in every case."""
    import torch

    if wanted == "auto":
        if device.type == "cuda":
            wanted = "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
        else:
            wanted = "bfloat16" if cpu_computes_bfloat16() else "float32"
    if wanted not in DTYPES:
        raise OptionError(f"--dtype {wanted}: not a number format; use auto, {', '.join(DTYPES)}")
    dtype: torch.dtype = getattr(torch, wanted)
    return dtype


def cpu_flags() -> frozenset[str]:
    """The instruction sets Linux reports for this processor; empty where it does not say."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return frozenset(line.partition(":")[2].split())
    except OSError:
        pass
    return frozenset()


def cpu_computes_bfloat16() -> bool:
    """Whether matrix products in bfloat16 run on instructions of their own here (ONEDNN_MAX_CPU_ISA is honoured)."""
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "DEFAULT").upper()
    return limit in _BF16_ISAS and bool(cpu_flags() & {"avx512_bf16", "amx_bf16"})


def cpu_threads() -> int:
    """Processors this process may use: its affinity mask, or OMP_NUM_THREADS where that is set."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory instead of returning it to the kernel after every large tensor.

    With its defaults each activation above 128 KiB is mapped, faulted in page by page, and unmapped: up to 40 % of a
    training step on a CPU was seen in the kernel. Has no effect elsewhere than on glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    m_trim_threshold, m_top_pad, m_mmap_max = -1, -2, -4  # from malloc.h
    try:
        libc = ctypes.CDLL(None)
        libc.mallopt(m_mmap_max, 0)
        libc.mallopt(m_trim_threshold, 2**31 - 1)
        libc.mallopt(m_top_pad, 64 * 2**20)
    except (OSError, AttributeError):
        pass  # another C library: nothing to tune
