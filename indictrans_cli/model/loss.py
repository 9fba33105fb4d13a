"""Label-smoothed cross-entropy straight from hidden states, without ever holding all logits.

With 8,000 pieces the logits of one batch are larger than all activations of the network together. The chunked loss walks
over rows, forms each chunk's logits, loss and gradients at once, and keeps only the gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import OptionError, missing_package

#: hidden (rows, d_model), weight (vocab, d_model), target (rows,) -> sum over rows of the smoothed loss, and of the
#: plain negative log-likelihood in nats (the latter without gradient)
Loss = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def choose_loss(name: str, label_smoothing: float, device: torch.device) -> Loss:
    """`auto`, `chunked`, `plain` or `liger` as a function; `auto` is Liger's kernel on CUDA and chunked on a CPU."""
    if name == "auto":
        name = "liger" if device.type == "cuda" and _liger() is not None else "chunked"
    if name == "chunked":
        return lambda hidden, weight, target: chunked_cross_entropy(hidden, weight, target, label_smoothing)
    if name == "plain":
        return lambda hidden, weight, target: plain_cross_entropy(hidden, weight, target, label_smoothing)
    if name == "liger":
        function = _liger()
        if function is None:
            raise missing_package("liger-kernel", "--loss liger")
        return lambda hidden, weight, target: liger_cross_entropy(function, hidden, weight, target, label_smoothing)
    raise OptionError(f"--loss {name}: not a loss; use auto, chunked, plain or liger")


def plain_cross_entropy(
    hidden: Tensor, weight: Tensor, target: Tensor, label_smoothing: float
) -> tuple[Tensor, Tensor]:
    """The definition (Szegedy et al. 2016): PyTorch's own cross_entropy over all logits at once."""
    logits = F.linear(hidden, weight).float()
    loss = F.cross_entropy(logits, target, reduction="sum", label_smoothing=label_smoothing)
    with torch.no_grad():
        nll = loss if label_smoothing == 0 else F.cross_entropy(logits, target, reduction="sum")
    return loss, nll.detach()


def chunked_cross_entropy(
    hidden: Tensor, weight: Tensor, target: Tensor, label_smoothing: float, rows: int = 512
) -> tuple[Tensor, Tensor]:
    """`plain_cross_entropy`, holding the logits of `rows` positions at a time."""
    apply: Callable[..., tuple[Tensor, Tensor]] = _ChunkedCrossEntropy.apply
    wants_gradients = torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad)
    return apply(hidden, weight, target, label_smoothing, rows, wants_gradients)


class _ChunkedCrossEntropy(torch.autograd.Function):
    """The gradient with respect to logits is softmax - target distribution: known as soon as the logits are."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        target: Tensor,
        label_smoothing: float,
        rows: int,
        wants_gradients: bool,
    ) -> tuple[Tensor, Tensor]:
        vocab = weight.size(0)
        hidden_gradient = torch.empty_like(hidden) if wants_gradients else None
        weight_gradient = torch.zeros_like(weight, dtype=torch.float32) if wants_gradients else None
        loss = hidden.new_zeros((), dtype=torch.float32)
        nll = hidden.new_zeros((), dtype=torch.float32)
        for start in range(0, hidden.size(0), rows):
            chunk = hidden[start : start + rows]  # (rows, d_model)
            right = target[start : start + rows, None]  # (rows, 1)
            log_p = F.linear(chunk, weight).log_softmax(dim=1, dtype=torch.float32)  # (rows, vocab)
            chunk_nll = -log_p.gather(1, right).sum()
            nll += chunk_nll
            loss += (1 - label_smoothing) * chunk_nll - label_smoothing * log_p.mean(dim=1).sum()
            if hidden_gradient is not None and weight_gradient is not None:
                gradient = log_p.exp_().sub_(label_smoothing / vocab)  # in the log-probabilities' place
                gradient.scatter_add_(1, right, torch.full_like(right, label_smoothing - 1, dtype=torch.float32))
                gradient = gradient.to(weight.dtype)
                hidden_gradient[start : start + rows] = gradient @ weight
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
            None,
            None,
            None,
            None,
        )


def liger_cross_entropy(
    function: Any, hidden: Tensor, weight: Tensor, target: Tensor, label_smoothing: float
) -> tuple[Tensor, Tensor]:
    """Liger's fused linear cross-entropy (Hsu et al. 2024): the same sums by Triton kernels, for CUDA."""
    loss = function(label_smoothing=label_smoothing, reduction="sum")(weight, hidden, target)
    with torch.no_grad():
        nll = loss if label_smoothing == 0 else function(reduction="sum")(weight, hidden, target)
    return loss, nll.detach()


def _liger() -> Any:
    """Liger's loss class, or None where it is not installed (it exists for Linux only)."""
    try:
        from liger_kernel.transformers import LigerFusedLinearCrossEntropyLoss
    except ImportError:
        return None
    return LigerFusedLinearCrossEntropyLoss
