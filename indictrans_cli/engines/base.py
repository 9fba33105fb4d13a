"""What an engine is: it turns sentences into translations, each on its own terms, in any batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..config import SearchConfig


@dataclass(frozen=True)
class Translation:
    """One sentence, translated."""

    text: str
    score: float  # log-probability a token, 0 at best; 0 where nothing was translated


class Engine(Protocol):
    """A loaded model. `translate` may be called from several threads."""

    def translate(self, sentences: Sequence[str], search: SearchConfig) -> list[Translation]:
        """The best translation of each sentence. Sentences are normalised, not empty, and short enough."""
        ...
