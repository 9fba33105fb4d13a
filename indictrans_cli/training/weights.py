"""Float32 master weights beside the weights a model computes with, and their moving average.

In bfloat16 a weight of 1 cannot grow by less than 1/128: small updates would be lost. So the optimizer works on float32
copies, and the model gets them rounded. In float32 the copies are the parameters themselves.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor

from ..model.transformer import Transformer


class MasterWeights:
    """What the optimizer sees. `average` is the exponential moving average, or the weights themselves without one."""

    def __init__(self, model: Transformer, dtype: torch.dtype, ema_decay: float) -> None:
        self._copies = dtype != torch.float32
        full = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        model.to(dtype)
        self._parameters = dict(model.named_parameters())
        self.values: dict[str, Tensor] = full if self._copies else dict(self._parameters)
        for value in self.values.values():
            value.requires_grad_(True)
        self._ema_decay = ema_decay
        self.average: dict[str, Tensor] = (
            {name: value.detach().clone() for name, value in self.values.items()} if ema_decay else self.values
        )

    @torch.no_grad()
    def collect_gradients(self) -> None:
        """Add the gradients of one micro-batch to the masters', in float32."""
        if not self._copies:
            return  # autograd has added them already
        for name, parameter in self._parameters.items():
            if parameter.grad is None:
                continue
            master = self.values[name]
            if master.grad is None:
                master.grad = parameter.grad.float()
            else:
                master.grad += parameter.grad
            parameter.grad = None

    @torch.no_grad()
    def publish(self) -> None:
        """Give the model the masters' values, rounded to its dtype."""
        if self._copies:
            torch._foreach_copy_(list(self._parameters.values()), list(self.values.values()))

    @torch.no_grad()
    def update_average(self, step: int) -> None:
        """Move the average after optimizer step `step` (from 1); it is short at first, so that it forgets the start."""
        if not self._ema_decay:
            return
        decay = min(self._ema_decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.average.values()), list(self.values.values()), 1 - decay)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Within the block the model computes with the average."""
        if not self._ema_decay:
            yield
            return
        with torch.no_grad():
            current = [parameter.detach().clone() for parameter in self._parameters.values()]
            torch._foreach_copy_(list(self._parameters.values()), list(self.average.values()))
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(list(self._parameters.values()), current)
