"""Choosing the device, the number format and the thread count."""

from __future__ import annotations

import pytest
import torch

from indictrans_cli import device
from indictrans_cli.device import choose_device, choose_training_dtype, cpu_computes_bfloat16, cpu_threads
from indictrans_cli.errors import OptionError

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("flags", "limit", "computes"),
    [
        ({"avx2"}, None, False),
        ({"avx2", "avx512f"}, None, False),
        ({"avx2", "avx512f", "avx512_bf16"}, None, True),
        ({"amx_bf16"}, None, True),
        ({"avx512_bf16"}, "AVX2", False),
        ({"avx512_bf16"}, "avx512_core", False),
        ({"avx512_bf16"}, "AVX512_CORE_BF16", True),
        (set(), None, False),
    ],
)
def test_bfloat16_is_for_processors_that_multiply_in_it(
    flags: set[str], limit: str | None, computes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "cpu_flags", lambda: frozenset(flags))
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if limit:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert cpu_computes_bfloat16() is computes
    assert choose_training_dtype(CPU) is (torch.bfloat16 if computes else torch.float32)
    assert choose_training_dtype(CPU, "float32") is torch.float32


@pytest.mark.parametrize("wanted", ["tpu", "cpu:foo", "cuda:x", ""])
def test_what_is_no_device_is_refused(wanted: str) -> None:
    with pytest.raises(OptionError, match="not a device"):
        choose_device(wanted)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_where_there_is_none_is_refused_and_auto_is_the_cpu() -> None:
    with pytest.raises(OptionError, match="no CUDA device"):
        choose_device("cuda")
    assert choose_device("auto") == CPU


def test_an_unknown_number_format_is_refused() -> None:
    with pytest.raises(OptionError, match="float8"):
        choose_training_dtype(CPU, "float8")


def test_threads_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert cpu_threads() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert cpu_threads() >= 1


def test_keeping_freed_memory_does_no_harm() -> None:
    device.keep_freed_memory()
    assert torch.ones(1 << 20).sum() == 1 << 20
