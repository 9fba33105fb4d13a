"""The training loss straight from hidden states, without ever holding all logits.

With 8,000 pieces the logits of one batch are larger than all activations of the network together. The chunked loss walks
over rows, forms each chunk's logits, loss and gradients at once, and keeps only the gradients.

`Objective` says what is asked of logits; `plain`, `chunked` and `liger` are three ways of computing it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import OptionError, missing_package


class Output(NamedTuple):
    """Hidden states (rows, d_model) and what makes logits (rows, vocab_size) of them."""

    hidden: Tensor
    weight: Tensor  # (vocab_size, d_model)
    bias: Tensor | None = None  # (vocab_size,), not trained

    def logits(self) -> Tensor:
        return F.linear(self.hidden, self.weight, self.bias)


class Loss(Protocol):
    """What `choose_loss` gives."""

    def __call__(self, output: Output, target: Tensor, teacher: Output | None = None) -> tuple[Tensor, Tensor]:
        """The sum of the objective over rows, and of the plain negative log-likelihood in nats (without gradient).

        target is (rows,) token ids; `teacher` are another model's hidden states for the same rows.
        """
        ...


@dataclass(frozen=True)
class Objective:
    """Cross-entropy with a distribution that is mostly the right token, and what may be added to it.

    The distribution, a row: `teacher_share` of it is the teacher's (Hinton et al. 2015); of the rest, `label_smoothing` is
    spread over all pieces (Szegedy et al. 2016), and what is left is the right token's.
    """

    label_smoothing: float = 0.0
    teacher_share: float = 0.0
    z_loss: float = 0.0  # times log(sum(exp(logits)))^2, which keeps logits small (Chowdhery et al. 2022, section 5)
    r_drop: float = 0.0  # alpha of R-Drop (Liang et al. 2021); rows are then two passes over the same pairs, end to end

    def value(self, logits: Tensor, target: Tensor, teacher: Tensor | None = None) -> Tensor:
        """logits (rows, vocab_size) in float32, target (rows,), the teacher's logits -> the sum over rows.

        With R-Drop half of the paper's sum, so that it weighs as much as a single pass.
        """
        log_p = logits.log_softmax(dim=1)
        loss = -(self._wanted(log_p, target, teacher) * log_p).sum()
        loss = loss + self.z_loss * logits.logsumexp(dim=1).square().sum()
        if self.r_drop:
            one, other = log_p.chunk(2)
            apart = ((one.exp() - other.exp()) * (one - other)).sum()  # KL(one, other) + KL(other, one)
            loss = 0.5 * loss + 0.25 * self.r_drop * apart
        return loss

    def gradient(self, logits: Tensor, target: Tensor, teacher: Tensor | None = None) -> Tensor:
        """The derivative of `value` with respect to the logits, (rows, vocab_size), worked out by hand."""
        log_p = logits.log_softmax(dim=1)
        p = log_p.exp()
        gradient = p * (1 + 2 * self.z_loss * logits.logsumexp(dim=1, keepdim=True)) if self.z_loss else p.clone()
        gradient -= self._wanted(log_p, target, teacher)
        if self.r_drop:
            difference = log_p - log_p.roll(len(log_p) // 2, dims=0)  # from the other pass over the same pair
            divergence = (p * difference).sum(dim=1, keepdim=True)
            apart = p * (difference - divergence) + p - p.roll(len(p) // 2, dims=0)
            gradient = 0.5 * gradient + 0.25 * self.r_drop * apart
        return gradient

    def _wanted(self, log_p: Tensor, target: Tensor, teacher: Tensor | None) -> Tensor:
        """The distribution that is asked for: (rows, vocab_size)."""
        wanted = torch.full_like(log_p, self.label_smoothing / log_p.size(1))
        wanted.scatter_add_(1, target[:, None], torch.full_like(log_p[:, :1], 1 - self.label_smoothing))
        if teacher is None or not self.teacher_share:
            return wanted
        return torch.lerp(wanted, teacher.float().softmax(dim=1), self.teacher_share)


def choose_loss(name: str, objective: Objective, device: torch.device) -> Loss:
    """`auto`, `chunked`, `plain` or `liger` as a function; `auto` is Liger's kernel on CUDA and chunked elsewhere.

    Liger's kernel knows neither a teacher nor R-Drop: with these `auto` is chunked.
    """
    simple = not objective.r_drop and not objective.teacher_share
    if name == "auto":
        name = "liger" if simple and device.type == "cuda" and _liger() is not None else "chunked"
    if name == "chunked":
        return lambda output, target, teacher=None: chunked_loss(objective, output, target, teacher)
    if name == "plain":
        return lambda output, target, teacher=None: plain_loss(objective, output, target, teacher)
    if name == "liger":
        if device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
            raise OptionError("--loss liger: its kernels need CUDA; use auto or chunked")
        if not simple:
            raise OptionError("--loss liger: its kernel knows neither R-Drop nor a teacher; use auto or chunked")
        function = _liger()
        if function is None:
            raise missing_package("liger-kernel", "--loss liger")
        return lambda output, target, teacher=None: _liger_loss(function, objective, output, target)
    raise OptionError(f"--loss {name}: not a loss; use auto, chunked, plain or liger")


def plain_loss(
    objective: Objective, output: Output, target: Tensor, teacher: Output | None = None
) -> tuple[Tensor, Tensor]:
    """The definition: all logits at once, and PyTorch's own gradients."""
    logits = output.logits().float()
    loss = objective.value(logits, target, None if teacher is None else teacher.logits())
    return loss, F.cross_entropy(logits.detach(), target, reduction="sum")


def chunked_loss(
    objective: Objective, output: Output, target: Tensor, teacher: Output | None = None, rows: int = 512
) -> tuple[Tensor, Tensor]:
    """`plain_loss`, holding the logits of `rows` rows at a time."""
    apply: Callable[..., tuple[Tensor, Tensor]] = _ChunkedLoss.apply
    wants_gradients = torch.is_grad_enabled() and (output.hidden.requires_grad or output.weight.requires_grad)
    return apply(output.hidden, output.weight, output.bias, target, objective, teacher, rows, wants_gradients)


class _ChunkedLoss(torch.autograd.Function):
    """Gradients are known as soon as the logits are: they are formed on the way forward, and scaled on the way back."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        target: Tensor,
        objective: Objective,
        teacher: Output | None,
        rows: int,
        wants_gradients: bool,
    ) -> tuple[Tensor, Tensor]:
        passes = 2 if objective.r_drop else 1
        hidden_gradient = torch.empty_like(hidden) if wants_gradients else None
        weight_gradient = torch.zeros_like(weight, dtype=torch.float32) if wants_gradients else None
        loss = hidden.new_zeros((), dtype=torch.float32)
        nll = hidden.new_zeros((), dtype=torch.float32)
        for places in torch.arange(len(hidden), device=hidden.device).view(passes, -1).split(max(1, rows // passes), 1):
            chosen = places.reshape(-1)  # (rows,), both passes over a pair in the same chunk
            chunk, right = hidden[chosen], target[chosen]
            logits = F.linear(chunk, weight, bias)  # (rows, vocab_size)
            if _is_simple(objective):
                loss_, nll_, gradient = _smoothed_cross_entropy(
                    logits, right, objective.label_smoothing, wants_gradients
                )
            else:
                logits = logits.float()
                theirs = None if teacher is None else teacher._replace(hidden=teacher.hidden[chosen]).logits()
                loss_, nll_ = objective.value(logits, right, theirs), F.cross_entropy(logits, right, reduction="sum")
                gradient = objective.gradient(logits, right, theirs) if wants_gradients else None
            loss, nll = loss + loss_, nll + nll_
            if gradient is not None and hidden_gradient is not None and weight_gradient is not None:
                gradient = gradient.to(weight.dtype)
                hidden_gradient[chosen] = gradient @ weight
                weight_gradient += gradient.T @ chunk
        if hidden_gradient is not None and weight_gradient is not None:
            ctx.save_for_backward(hidden_gradient, weight_gradient.to(weight.dtype))
        ctx.mark_non_differentiable(nll)
        return loss, nll

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden_gradient, weight_gradient = ctx.saved_tensors
        scale = grads[0]
        return (
            hidden_gradient * scale.to(hidden_gradient.dtype),
            weight_gradient * scale.to(weight_gradient.dtype),
            *[None] * 6,
        )


def _is_simple(objective: Objective) -> bool:
    return not (objective.teacher_share or objective.z_loss or objective.r_drop)


def _smoothed_cross_entropy(
    logits: Tensor, target: Tensor, label_smoothing: float, wants_gradient: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Loss, negative log-likelihood and gradient of the usual objective in as few walks over the logits as it takes.

    The general formulas walk over them three times as often.
    """
    log_p = logits.log_softmax(dim=1, dtype=torch.float32)
    right = target[:, None]
    nll = -log_p.gather(1, right).sum()
    loss = (1 - label_smoothing) * nll
    if label_smoothing:
        loss -= label_smoothing * log_p.mean(dim=1).sum()
    if not wants_gradient:
        return loss, nll, None
    gradient = log_p.exp_()  # in the log-probabilities' place
    if label_smoothing:
        gradient.sub_(label_smoothing / logits.size(1))
    gradient.scatter_add_(1, right, torch.full_like(right, label_smoothing - 1, dtype=torch.float32))
    return loss, nll, gradient


def _liger_loss(function: Any, objective: Objective, output: Output, target: Tensor) -> tuple[Tensor, Tensor]:
    """Liger's fused linear cross-entropy (Hsu et al. 2024): the same sums by Triton kernels, for CUDA."""
    arguments = (output.weight, output.hidden, target, output.bias)
    kernel = function(
        label_smoothing=objective.label_smoothing,
        lse_square_scale=objective.z_loss,
        reduction="sum",
        accum_dtype=torch.float32,
    )
    loss = kernel(*arguments)
    with torch.no_grad():
        nll = loss if objective == Objective() else function(reduction="sum")(*arguments)
    return loss, nll.detach()


def _liger() -> Any:
    """Liger's loss class, or None where it is not installed (it exists for Linux only)."""
    try:
        from liger_kernel.transformers import LigerFusedLinearCrossEntropyLoss
    except ImportError:
        return None
    return LigerFusedLinearCrossEntropyLoss
