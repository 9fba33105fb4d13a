"""What an engine is: it turns sentences into translations, each on its own terms, in any batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..errors import OptionError


@dataclass(frozen=True)
class SearchOptions:
    """How a sentence is searched for."""

    beam_size: int = 4  # hypotheses kept at each position; 1 is greedy search
    length_penalty: float = 1.0  # 0 favours short translations; 1 compares by the average a token
    max_length: int = 256  # tokens of a translation
    no_repeat_ngram: int = 0  # n-grams of tokens that may not occur twice; 0: all may

    def __post_init__(self) -> None:
        if not 1 <= self.beam_size <= 64:
            raise OptionError(f"--beam-size {self.beam_size}: must be between 1 and 64")
        if self.max_length < 1:
            raise OptionError(f"--max-length {self.max_length}: must be at least 1")


@dataclass(frozen=True)
class Translation:
    """One sentence, translated."""

    text: str
    score: float  # log-probability a token, 0 at best; 0 where nothing was translated


class Engine(Protocol):
    """A loaded model. `translate` may be called from several threads."""

    def translate(self, sentences: Sequence[str], options: SearchOptions) -> list[Translation]:
        """The best translation of each sentence. Sentences are normalised, not empty, and short enough."""
        ...
