"""Text that lies in runs, as in office files: translated as one, then laid into the same runs in their order.

Runs of one format count as one; the words of a run that stands out are looked for in the translation, and what the most
common format holds takes the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass

from .align import Alignment, Interval, sentences
from .base import Edit, Work


@dataclass(frozen=True)
class Run:
    """A piece of a paragraph's text; pieces with equal `style` look alike."""

    text: str
    style: Hashable


def translate_runs(runs: Sequence[Run]) -> Generator[list[str], list[str], list[str] | None]:
    """Ask for what `runs` need, and end with the new text of each; None where nothing changes."""
    groups = _groups(runs)
    pieces = ["".join(runs[index].text for index in group) for group in groups]
    source = "".join(pieces)
    if not any(char.isalpha() for char in source):
        return None
    sizes = Counter[Hashable]()
    for piece, group in zip(pieces, groups, strict=True):
        sizes[runs[group[0]].style] += len(piece)
    common = sizes.most_common(1)[0][0]
    phrases = {
        number: piece.strip()
        for number, (piece, group) in enumerate(zip(pieces, groups, strict=True))
        if runs[group[0]].style != common and piece.strip() and len(groups) > 1
    }
    texts = list(dict.fromkeys([text for _, text in sentences(source)] + list(phrases.values())))
    known = dict(zip(texts, (yield texts), strict=True))
    alignment = Alignment(source, known)
    if alignment.target == source:
        return None
    ends = _cuts(pieces, {number: known[phrase] for number, phrase in phrases.items()}, alignment)
    new = [""] * len(runs)
    for group, start, end in zip(groups, [0, *ends[:-1]], ends, strict=True):
        new[group[0]] = alignment.target[start:end]
    return new


def _groups(runs: Sequence[Run]) -> list[list[int]]:
    groups: list[list[int]] = []
    for index, run in enumerate(runs):
        if groups and runs[groups[-1][0]].style == run.style:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def _cuts(pieces: Sequence[str], phrases: dict[int, str], alignment: Alignment) -> list[int]:
    """Where each piece ends in the translation: phrases that were found, in order; the others between them."""
    starts = [0]
    for piece in pieces:
        starts.append(starts[-1] + len(piece))
    whole = (0, len(alignment.target))
    spans = {
        number: (
            starts[number] + len(pieces[number]) - len(pieces[number].lstrip()),
            starts[number] + len(pieces[number].rstrip()),
        )
        for number in phrases
    }

    alone = {number: alignment.locate(*spans[number], phrase, whole, []) for number, phrase in phrases.items()}

    def shift(number: int) -> int:
        """How far a phrase would move out of proportion: what moves least is placed first, as runs keep their order."""
        place = alone[number]
        return abs(place[0] - alignment.proportional(spans[number][0])) if place else whole[1] + 1

    found: dict[int, Interval] = {}
    for number in sorted(phrases, key=shift):
        low = max((end for other, (_, end) in found.items() if other < number), default=0)
        high = min((start for other, (start, _) in found.items() if other > number), default=whole[1])
        piece, (start, end) = pieces[number], spans[number]
        place = alone[number]
        if place and not low <= place[0] <= place[1] <= high:
            place = alignment.locate(start, end, phrases[number], (low, high), [])
        if place is None:
            place = alignment.proportional_interval(start, end, (low, high), [])
        if place is not None and place[1] > place[0]:
            found[number] = (
                max(low, place[0] - _spaces(piece, alignment.target[: place[0]], before=True)),
                min(high, place[1] + _spaces(piece, alignment.target[place[1] :], before=False)),
            )
    ends: list[int] = []
    for number in range(len(pieces)):
        last = ends[-1] if ends else 0
        if number == len(pieces) - 1:
            end = whole[1]
        elif number in found:
            end = found[number][1]
        elif number + 1 in found:
            end = found[number + 1][0]
        else:
            end = alignment.point(starts[number + 1], whole)
        later = min((start for other, (start, _) in found.items() if other > number), default=whole[1])
        ends.append(max(last, min(end, later)))
    return ends


def _spaces(piece: str, beside: str, before: bool) -> int:
    """How many of the spaces beside a phrase belong to its run, as they did in the source."""
    own = len(piece) - len(piece.lstrip() if before else piece.rstrip())
    there = len(beside) - len(beside.rstrip() if before else beside.lstrip())
    return min(own, there)


@dataclass(frozen=True)
class Place:
    """A run in a file: where its text element begins and its text ends, and the element's start tag."""

    run: Run
    start: int
    end: int
    tag: str


def runs_work(places: Sequence[Place], write: Callable[[Place, str], Edit]) -> Work:
    """The texts at `places` translated as one paragraph; `write(place, text)` gives the edit that puts a text there."""
    new = yield from translate_runs([place.run for place in places])
    pairs = zip(places, new or [place.run.text for place in places], strict=True)
    return [write(place, text) for place, text in pairs if text != place.run.text]
