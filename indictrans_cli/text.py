"""The one normalisation of text, the same when a model is trained and when it is used.

A model only knows characters it was trained on, in the form it was trained on: NFC (which also unifies the two ways to
write a nukta), plain spaces, straight quotes, no control characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

_QUOTES = str.maketrans(
    "\u2018\u2019\u201a\u201b\u2032\u00b4\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", "'''''" + "'" + '"' * 7
)
_SPACES = re.compile(r"[\s\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff]+")
#: joiners mean something only beside a letter of an Indic script
_STRAY_JOINERS = re.compile(r"(?<![\u0900-\u0dff])[\u200c\u200d]+|[\u200c\u200d]+(?![\u0900-\u0dff])")
DEVANAGARI_DIGITS = str.maketrans("०१२३४५६७८९", "0123456789")


def normalize(text: str) -> str:
    """One line of text in the form models see. Keeps case, punctuation, digits and meaningful joiners."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    text = unicodedata.normalize("NFC", text).translate(_QUOTES)
    text = "".join(char for char in text if char.isspace() or not _is_invisible(char))
    return _SPACES.sub(" ", _STRAY_JOINERS.sub("", text)).strip()


def _is_invisible(char: str) -> bool:
    return char in _BIDI or unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn")


_BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u00ad")


def devanagari_share(text: str) -> float:
    """The share of Devanagari among the letters (and vowel signs) of `text`, 0 to 1; 0 where there are none."""
    devanagari = sum("\u0900" <= char <= "\u097f" for char in text)
    others = sum(char.isalpha() for char in text if not "\u0900" <= char <= "\u097f")
    return devanagari / (devanagari + others) if devanagari else 0.0


def repeats(text: str) -> bool:
    """Whether a text says the same four words three times, or the same one to twelve characters six times on end."""
    words = text.split()
    fours = [tuple(words[start : start + 4]) for start in range(len(words) - 3)]
    return max(Counter(fours).values(), default=0) >= 3 or re.search(r"(.{1,12}?)\1{5}", text) is not None
