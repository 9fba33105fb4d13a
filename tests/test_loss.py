"""The losses against torch.nn.functional.cross_entropy, and Liger's kernels under Triton's interpreter."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from indictrans_cli.errors import OptionError
from indictrans_cli.model.loss import choose_loss, chunked_cross_entropy, plain_cross_entropy


def example(rows: int = 37) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    hidden = torch.randn(rows, 16, requires_grad=True)
    weight = torch.randn(29, 16, requires_grad=True)
    return hidden, weight, torch.randint(0, 29, (rows,))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("rows", [1, 8, 37, 100])
def test_the_chunked_loss_and_its_gradients_are_those_of_cross_entropy(smoothing: float, rows: int) -> None:
    hidden, weight, target = example()
    expected = F.cross_entropy(F.linear(hidden, weight), target, reduction="sum", label_smoothing=smoothing)
    expected_gradients = torch.autograd.grad(expected * 0.3, (hidden, weight))
    loss, nll = chunked_cross_entropy(hidden, weight, target, smoothing, rows)
    gradients = torch.autograd.grad(loss * 0.3, (hidden, weight))
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(nll, F.cross_entropy(F.linear(hidden, weight), target, reduction="sum").detach())
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_the_plain_loss_gives_the_same_two_numbers() -> None:
    hidden, weight, target = example()
    for ours, theirs in zip(
        chunked_cross_entropy(hidden, weight, target, 0.1),
        plain_cross_entropy(hidden, weight, target, 0.1),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_no_gradient_is_formed_where_none_is_wanted() -> None:
    hidden, weight, target = example()
    with torch.no_grad():
        loss, _ = chunked_cross_entropy(hidden, weight, target, 0.1)
    assert not loss.requires_grad


def test_an_unknown_loss_is_named() -> None:
    with pytest.raises(OptionError, match="hinge"):
        choose_loss("hinge", 0.1, torch.device("cpu"))


LIGER = """
import torch
from torch.nn import functional as F
from indictrans_cli.model.loss import choose_loss
torch.manual_seed(1)
hidden, weight = torch.randn(6, 16, requires_grad=True), torch.randn(32, 16, requires_grad=True)
target = torch.randint(0, 32, (6,))
expected = F.cross_entropy(F.linear(hidden, weight), target, reduction="sum", label_smoothing=0.1)
loss, nll = choose_loss("liger", 0.1, torch.device("cpu"))(hidden, weight, target)
torch.testing.assert_close(loss, expected)
torch.testing.assert_close(nll, F.cross_entropy(F.linear(hidden, weight), target, reduction="sum").detach())
for ours, theirs in zip(torch.autograd.grad(loss, (hidden, weight)), torch.autograd.grad(expected, (hidden, weight))):
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-3)
print("equal")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="liger-kernel exists for Linux only")
def test_ligers_loss_and_gradients_are_those_of_cross_entropy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIGER],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "TRITON_INTERPRET": "1"},
    )
    assert done.stdout.strip() == "equal", done.stderr[-2000:]
