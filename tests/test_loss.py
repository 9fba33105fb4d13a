"""The losses against torch.nn.functional.cross_entropy, and Liger's kernels under Triton's interpreter."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from indictrans_cli.errors import OptionError
from indictrans_cli.model.loss import Objective, Output, choose_loss, chunked_loss, plain_loss


def example(rows: int = 38) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, Output]:
    """Hidden states, an output matrix, targets, and a teacher's hidden states and matrix."""
    torch.manual_seed(1)
    hidden = torch.randn(rows, 16, requires_grad=True)
    weight = torch.randn(29, 16, requires_grad=True)
    return hidden, weight, torch.randint(0, 29, (rows,)), Output(torch.randn(rows, 12), torch.randn(29, 12))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("rows", [1, 8, 38, 100])
def test_the_chunked_loss_and_its_gradients_are_those_of_cross_entropy(smoothing: float, rows: int) -> None:
    hidden, weight, target, _ = example()
    expected = F.cross_entropy(F.linear(hidden, weight), target, reduction="sum", label_smoothing=smoothing)
    expected_gradients = torch.autograd.grad(expected * 0.3, (hidden, weight))
    loss, nll = chunked_loss(Objective(smoothing), Output(hidden, weight), target, rows=rows)
    gradients = torch.autograd.grad(loss * 0.3, (hidden, weight))
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(nll, F.cross_entropy(F.linear(hidden, weight), target, reduction="sum").detach())
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "objective",
    [
        Objective(0.1), Objective(0.1, z_loss=0.01), Objective(0.1, teacher_share=0.4), Objective(r_drop=3.0),
        Objective(0.1, teacher_share=1.0), Objective(0.1, teacher_share=0.3, z_loss=1e-3, r_drop=5.0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rows", [2, 8, 100])
def test_gradients_worked_out_by_hand_are_those_of_autograd(objective: Objective, rows: int) -> None:
    hidden, weight, target, teacher = example()
    bias = torch.randn(29)
    results = []
    for loss, nll in (
        plain_loss(objective, Output(hidden, weight, bias), target, teacher),
        chunked_loss(objective, Output(hidden, weight, bias), target, teacher, rows),
    ):
        results.append((loss, nll, *torch.autograd.grad(loss * 0.3, (hidden, weight))))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_each_part_of_the_objective_is_its_definition() -> None:
    """Against PyTorch's own functions, a part at a time."""
    hidden, weight, target, teacher = example()
    logits, theirs = F.linear(hidden, weight).detach(), teacher.logits()
    plain = F.cross_entropy(logits, target, reduction="sum")
    torch.testing.assert_close(Objective().value(logits, target), plain)
    z = logits.logsumexp(dim=1).square().sum()
    torch.testing.assert_close(Objective(z_loss=0.1).value(logits, target), plain + 0.1 * z)
    taught = F.cross_entropy(logits, theirs.softmax(dim=1), reduction="sum")
    both = Objective(teacher_share=0.25).value(logits, target, theirs)
    torch.testing.assert_close(both, 0.75 * plain + 0.25 * taught)
    one, other = logits.log_softmax(dim=1).chunk(2)
    apart = F.kl_div(one, other, log_target=True, reduction="sum") + F.kl_div(
        other, one, log_target=True, reduction="sum"
    )
    # Liang et al. (2021), equations 2 to 4, halved
    torch.testing.assert_close(Objective(r_drop=4.0).value(logits, target), 0.5 * (plain + 4.0 * 0.5 * apart))


def test_no_gradient_is_formed_where_none_is_wanted() -> None:
    hidden, weight, target, _ = example()
    with torch.no_grad():
        loss, _ = chunked_loss(Objective(0.1), Output(hidden, weight), target)
    assert not loss.requires_grad


def test_liger_is_not_asked_for_what_its_kernel_does_not_know() -> None:
    with pytest.raises(OptionError, match="neither R-Drop nor a teacher"):
        choose_loss("liger", Objective(r_drop=5.0), torch.device("cuda"))
    with pytest.raises(OptionError, match="need CUDA"):
        choose_loss("liger", Objective(), torch.device("cpu"))


def test_an_unknown_loss_is_named() -> None:
    with pytest.raises(OptionError, match="hinge"):
        choose_loss("hinge", Objective(), torch.device("cpu"))


LIGER = """
import torch
from torch.nn import functional as F
from indictrans_cli.model.loss import Objective, Output, choose_loss, plain_loss
torch.manual_seed(1)
hidden, weight = torch.randn(6, 16, requires_grad=True), torch.randn(32, 16, requires_grad=True)
target = torch.randint(0, 32, (6,))
for objective in (Objective(), Objective(0.1), Objective(0.1, z_loss=0.01)):
    for bias in (None, torch.randn(32)):
        output = Output(hidden, weight, bias)
        loss, nll = choose_loss("liger", objective, torch.device("cpu"))(output, target)
        expected, expected_nll = plain_loss(objective, output, target)
        torch.testing.assert_close(loss, expected)
        torch.testing.assert_close(nll, expected_nll)
        ours, theirs = (torch.autograd.grad(value, (hidden, weight)) for value in (loss, expected))
        for one, other in zip(ours, theirs):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)
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
