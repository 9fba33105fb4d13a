"""From a model directory to a Transformer, and back to weights by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..model_directory import ModelDirectory
from .transformer import Transformer

if TYPE_CHECKING:
    from ..model_directory import Weights


def load_transformer(directory: ModelDirectory, device: torch.device | None = None) -> Transformer:
    """The model of a directory in float32, ready to translate (dropout off)."""
    model = Transformer(directory.config)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in directory.weights().items()})
    return model.to(device or torch.device("cpu")).eval()


def transformer_weights(model: Transformer) -> Weights:
    """A model's weights as float32 arrays, for `model_directory.save_model`."""
    return {name: tensor.detach().float().cpu().numpy() for name, tensor in model.state_dict().items()}
