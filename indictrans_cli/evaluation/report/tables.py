"""The tables of an evaluation as plain cells, which the terminal, Markdown and the page each draw in their way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ..behaviour import Behaviour
from ..contrastive import accuracies
from ..evaluate import Evaluation, SystemResult
from ..metrics import decimals
from ..significance import Comparison, Interval

SURE = 0.05  # a p-value below this is marked


@dataclass(frozen=True)
class Table:
    """Cells in rows under a header; `best` are the (row, column) of cells to emphasise."""

    title: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""
    best: set[tuple[int, int]] = field(default_factory=set)


def tables(evaluation: Evaluation) -> list[Table]:
    """All tables of an evaluation that have something in them."""
    wanted = [
        scores(evaluation),
        comparisons(evaluation.comparisons, evaluation),
        behaviours(evaluation),
        models(evaluation),
        *breakdowns(evaluation),
        contrastive(evaluation.systems),
    ]
    return [table for table in wanted if table.rows]


def scores(evaluation: Evaluation) -> Table:
    """Systems by metrics, each score with half of its interval."""
    systems = evaluation.systems
    names = [score.name for score in systems[0].scores]
    rows = []
    for each in systems:
        pairs = zip(each.scores, each.intervals, strict=True)
        rows.append([each.system.name, *(with_half(score.name, score.value, interval) for score, interval in pairs)])
    best = set()
    for column, name in enumerate(names):
        values = [each.scores[column].value for each in systems]
        if len(systems) > 1:
            best.add((values.index(min(values) if name == "TER" else max(values)), column + 1))
    note = f"± is half of a 95 % interval ({evaluation.samples:,} bootstrap samples, seed {evaluation.seed})."
    if "TER" in names:
        note += " Of TER, less is better."
    return Table("Scores", ["system", *names], rows, note, best)


def comparisons(pairs: Sequence[Comparison], evaluation: Evaluation) -> Table:
    """Each pair of systems under each metric: the difference and both p-values."""
    rows = [
        [
            f"{pair.second} − {pair.first}",
            pair.metric,
            f"{pair.difference:+.{decimals(pair.metric)}f}",
            span(pair.metric, pair.interval, "+"),
            p_value(pair.bootstrap_p),
            p_value(pair.randomisation_p),
        ]
        for pair in pairs
    ]
    best = {
        (row, column)
        for row, pair in enumerate(pairs)
        for column, p in ((4, pair.bootstrap_p), (5, pair.randomisation_p))
        if p < SURE
    }
    note = (
        f"p: how often systems of one quality would differ so much, by paired bootstrap and by approximate randomisation "
        f"({evaluation.samples:,} samples, seed {evaluation.seed}, as sacreBLEU); marked below {SURE}."
    )
    header = ["systems", "metric", "difference", "95 % interval", "p bootstrap", "p randomisation"]
    return Table("Differences between systems", header, rows, note, best)


def behaviours(evaluation: Evaluation) -> Table:
    """What systems do apart from how they score, with the references as the yardstick."""
    named = [*((each.system.name, each.behaviour) for each in evaluation.systems), ("(the references)", evaluation.references)]  # noqa: E501 # fmt: skip
    columns: list[tuple[str, Callable[[Behaviour], float | None], Callable[[float], str]]] = [
        ("length ratio", lambda each: each.length_ratio, lambda value: f"{value:.3f}"),
        ("numbers kept", lambda each: each.numbers, percent),
        ("placeholders kept", lambda each: each.placeholders, percent),
        ("Devanagari", lambda each: each.script_purity, percent),
        ("copied", lambda each: each.copied, percent),
        ("repeats", lambda each: each.repeated, percent),
        ("empty", lambda each: each.empty, percent),
    ]
    columns = [column for column in columns if any(column[1](each) is not None for _, each in named)]
    rows = []
    for name, each in named:
        values = [(column[1](each), column[2]) for column in columns]
        rows.append([name, *("–" if value is None else show(value) for value, show in values)])
    counted = evaluation.references
    note = (
        f"Of {counted.number_count:,} numbers and {counted.placeholder_count:,} placeholders in the sources; Devanagari: "
        "its share among letters."
        if evaluation.test.sources is not None
        else "Without sources, numbers, placeholders and copies are not counted."
    )
    return Table("What translations do", ["system", *(column[0] for column in columns)], rows, note)


def models(evaluation: Evaluation) -> Table:
    """Speed, size and likelihood of our own models."""
    rows = []
    for each in evaluation.systems:
        system = each.system
        if system.speed is None and system.size is None and system.perplexity is None:
            continue
        speed, size, perplexity = system.speed, system.size, system.perplexity
        rows.append(
            [
                system.name,
                f"{speed.sentences_per_second:,.1f}" if speed else "–",
                f"{speed.first_sentence:.2f} s" if speed else "–",
                f"{size.size / 1e6:,.1f} MB" if size else "–",
                f"{size.parameters:,}" if size else "–",
                f"{perplexity.value:.2f}" if perplexity else "–",
                percent(perplexity.accuracy) if perplexity else "–",
                f"{perplexity.nats_per_character:.4f}" if perplexity else "–",
            ]
        )
    header = ["model", "sentences/s", "first sentence", "size", "parameters", "perplexity", "token accuracy", "nats/character"]  # noqa: E501 # fmt: skip
    note = "Perplexity and token accuracy compare models of one vocabulary; nats a character compare any."
    return Table("Our models", header, rows, note)


def breakdowns(evaluation: Evaluation) -> Iterator[Table]:
    """Groups by systems, a table a metric."""
    if not evaluation.groups:
        return
    for at, metric in enumerate(score.metric for score in evaluation.systems[0].groups[0]):
        rows, best = [], set()
        for number, group in enumerate(evaluation.groups):
            values = [each.groups[number][at] for each in evaluation.systems]
            row = [f"{group.kind}: {group.label}", f"{len(group.indices):,}"]
            rows.append([*row, *(with_half(score.metric, score.value, score.interval) for score in values)])
            if len(values) > 1:
                highest = max(range(len(values)), key=lambda index: values[index].value)
                best.add((number, highest + 2))
        header = ["sentences of a kind", "sentences", *(each.system.name for each in evaluation.systems)]
        yield Table(f"{metric} by kind of sentence", header, rows, "", best)


def contrastive(systems: Sequence[SystemResult]) -> Table:
    """Phenomena by models: the share of contrastive tests passed."""
    return contrastive_table([(each.system.name, each.system.contrastive) for each in systems])


def contrastive_table(systems: Sequence[tuple[str, object]]) -> Table:
    """The same of (name, results) of models; those without results are left out."""
    named = [(name, accuracies(results)) for name, results in systems if isinstance(results, list) and results]
    if not named:
        return Table("Contrastive tests", [], [])
    rows = []
    for at, first in enumerate(named[0][1]):
        shares = [each[at] for _, each in named]
        cells = [f"{100 * each.share:.1f} % ({100 * each.low:.0f}–{100 * each.high:.0f})" for each in shares]
        rows.append([first.phenomenon, f"{first.tests:,}", *cells])
    note = (
        "Share of tests in which the right translation is more likely than the minimally wrong one, and its 95 % interval; "
        "guessing gives 50 %."
    )
    return Table("Contrastive tests", ["phenomenon", "tests", *(name for name, _ in named)], rows, note)


def signatures(evaluation: Evaluation) -> list[str]:
    """What reproduces each score, a line a metric."""
    return [f"{score.name}: {score.signature}" for score in evaluation.systems[0].scores]


def with_half(name: str, value: float, interval: Interval) -> str:
    """36.67 ± 1.24, in the decimals of the metric of that name."""
    places = decimals(name)
    return f"{value:.{places}f} ± {interval.half:.{places}f}"


def span(name: str, interval: Interval, sign: str = "") -> str:
    """35.43 to 37.91, in the decimals of the metric of that name."""
    form = f"{sign}.{decimals(name)}f"
    return f"{interval.low:{form}} to {interval.high:{form}}"


def percent(share: float) -> str:
    """98.6 %"""
    return f"{100 * share:.1f} %"


def p_value(p: float) -> str:
    """0.0210"""
    return f"{p:.4f}"
