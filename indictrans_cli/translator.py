"""The Python API: text in, text out.

A text is cut into segments (`documents.segment`), each distinct segment is translated once by an engine, and the text is
put together again. What holds nothing to translate (numbers, symbols, Hindi) passes through.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .config import SearchConfig
from .documents.segment import Segment, split_line
from .engines.base import Translation
from .engines.choose import find_model, load_engine
from .text import devanagari_share, normalize, repeats


@dataclass(frozen=True)
class Result:
    """A translated text and the segments it was translated in."""

    source: str
    text: str
    score: float  # log-probability a token, averaged over the translated segments; 0 where there are none
    segments: list[tuple[str, str]]  # source and translation of each


class Translator:
    """Translates with a model directory: the bundled one, or one by name or path. Safe to share between threads.

        >>> Translator().translate(["My sister is a doctor."])
        ['मेरी बहन डॉक्टर है।']

    Raises ModelError where there is no such model, OptionError for a device or engine that cannot be had.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        device: str = "auto",
        engine: str = "auto",
        beam_size: int = 4,
        threads: int = 0,
    ) -> None:
        self._search_config = SearchConfig(beam_size=beam_size)
        self._directory = find_model(model)
        self._engine = load_engine(self._directory, engine, device, threads)
        self._known: dict[str, Translation] = {}
        self._lock = threading.Lock()

    @property
    def languages(self) -> tuple[str, str]:
        """What the model translates from and to, as language codes."""
        return self._directory.src_lang, self._directory.tgt_lang

    def translate(self, texts: Sequence[str]) -> list[str]:
        """The translation of each text. White space around and between sentences stays, blank texts stay blank."""
        return [result.text for result in self.translate_results(texts)]

    def translate_results(self, texts: Sequence[str]) -> list[Result]:
        """The translation of each text, with its score and its segments."""
        lines = [[_split_spaces(part) for part in re.split(r"(\r\n|\r|\n)", text)] for text in texts]
        cut = [[(left, split_line(middle), right) for left, middle, right in parts] for parts in lines]
        segments = {segment.text for parts in cut for _, line, _ in parts for segment in line}
        known = self._translate_segments(sorted(segments))
        return [_assemble(text, parts, known) for text, parts in zip(texts, cut, strict=True)]

    def _translate_segments(self, segments: list[str]) -> dict[str, Translation]:
        """The translation of each distinct segment; those seen before come from memory."""
        with self._lock:
            known = {text: self._known[text] for text in segments if text in self._known}
        wanted = {text: normalize(text) for text in segments if text not in known}
        known |= {text: Translation(text, 0.0) for text, plain in wanted.items() if not is_translatable(plain)}
        wanted = {text: plain for text, plain in wanted.items() if text not in known}
        fresh = self._search(list(wanted.values()))
        known |= dict(zip(wanted, fresh, strict=True))
        with self._lock:
            if len(self._known) > 100_000:
                self._known.clear()
            self._known |= known
        return known

    def _search(self, sentences: list[str]) -> list[Translation]:
        """Translate; what babbles is searched again with repetition forbidden."""
        translations = self._engine.translate(sentences, self._search_config)
        bad = [
            index
            for index, (source, translation) in enumerate(zip(sentences, translations, strict=True))
            if babbles(source, translation.text)
        ]
        if bad:
            safer = replace(self._search_config, no_repeat_ngram=3)
            for index, again in zip(
                bad, self._engine.translate([sentences[index] for index in bad], safer), strict=True
            ):
                translations[index] = again
        # a model may say a line break, byte by byte: a sentence stays on its line
        return [replace(each, text=" ".join(each.text.split())) for each in translations]


def is_translatable(text: str) -> bool:
    """Whether there is something to translate: a Latin letter, and not mostly Devanagari."""
    return re.search(r"[A-Za-zÀ-ɏ]", text) is not None and devanagari_share(text) < 0.5


def babbles(source: str, translation: str) -> bool:
    """Whether a translation is far too long for its source, or says the same four words three times."""
    if len(translation) > 3 * len(source) + 20:
        return True
    return repeats(translation)


def _split_spaces(text: str) -> tuple[str, str, str]:
    """White space before, the text, white space after."""
    middle = text.strip()
    if not middle:
        return text, "", ""
    start = text.index(middle)
    return text[:start], middle, text[start + len(middle) :]


def _assemble(source: str, parts: list[tuple[str, list[Segment], str]], known: dict[str, Translation]) -> Result:
    text, pairs, scores = [], [], []
    for left, segments, right in parts:
        text.append(left)
        for segment in segments:
            translation = known[segment.text]
            text += [translation.text, segment.gap]
            if segment.text:
                pairs.append((segment.text, translation.text))
            if translation.score:
                scores.append(translation.score)
        text.append(right)
    return Result(source, "".join(text), sum(scores) / len(scores) if scores else 0.0, pairs)
