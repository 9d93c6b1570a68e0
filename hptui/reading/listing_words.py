"""Columns and sentences of a list of studies, the same on a screen and in a terminal's scrollback."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hptui.config import Arm
from hptui.metrics.classification import metric_title
from hptui.reading.comparison.number_words import between, mean_sd, percent, signed
from hptui.reading.study_line import UNREADABLE, StudyLine, StudyResults
from hptui.record.sizes import in_bytes
from hptui.record.study_folders import shown
from hptui.record.task import Task

AGES = ((365 * 86400, "y"), (86400, "d"), (3600, "h"), (60, "min"))


@dataclass(frozen=True)
class Column:
    """One column of the list: of words, cut where room is short, or of numbers, never cut."""

    name: str
    """for --sort"""
    heading: str
    text: Callable[[StudyLine], str]
    """empty: nothing to tell (yet)"""
    rank: int
    """columns of a low rank are the first to be shown where room is short"""
    least: int = 0
    """cells down to which words may be cut, 0: never; of numbers those that are kept free before they come"""
    number: Callable[[StudyLine], float | None] | None = None
    """what rows are sorted by, the largest first; without it by the words, from a to z"""

    def sorted(self, lines: Sequence[StudyLine], *, backwards: bool = False) -> list[StudyLine]:
        """Lines in this column's order, or from its other end; those with nothing in it come last either way."""
        if self.number is None:
            words = [(self.text(line).lower(), line) for line in lines]
            known = sorted((pair for pair in words if pair[0]), key=lambda pair: pair[0], reverse=backwards)
            return [line for _, line in known] + [line for text, line in words if not text]
        numbers = [(self.number(line), line) for line in lines]
        counted = [(number, line) for number, line in numbers if number is not None]
        counted.sort(key=lambda pair: pair[0], reverse=not backwards)
        return [line for _, line in counted] + [line for number, line in numbers if number is None]


SHORT = {"mean AUC": "AUC", "label-wise accuracy": "by label"}
"""titles of metrics in a cell"""
INTERIM = "*"
"""before numbers that some runs are still to join"""
INTERIM_WORDS = f"{INTERIM} so far: over the pairs that are finished, or over the runs before there is one"


def _accuracy(arm: Arm) -> Callable[[StudyLine], float | None]:
    def mean(line: StudyLine) -> float | None:
        if line.results is None:
            return None
        return (line.results.baseline if arm == "baseline" else line.results.optimized).mean

    return mean


def _named(line: StudyLine, words: str) -> str:
    """A result with the name of its metric, where that is not the accuracy that the other studies have."""
    title = metric_title(line.results.metric, line.task) if line.results is not None else "accuracy"
    return words if title == "accuracy" else f"{SHORT.get(title, title)} {words}"


def _difference(line: StudyLine) -> float | None:
    return line.results.difference.mean if line.results is not None else None


def _result(
    number: Callable[[StudyLine], float | None], words: Callable[[float], str], *, named: bool = True
) -> Callable[[StudyLine], str]:
    """A result in words, named where it is no plain accuracy, and marked while it may change."""
    plain = _in_words(number, words)

    def text(line: StudyLine) -> str:
        found = plain(line)
        found = _named(line, found) if found and named else found
        return f"{INTERIM}{found}" if found and line.results is not None and line.results.is_interim else found

    return text


def _in_words(number: Callable[[StudyLine], float | None], words: Callable[[float], str]) -> Callable[[StudyLine], str]:
    def text(line: StudyLine) -> str:
        value = number(line)
        return "" if value is None else words(value)

    return text


def _interval(line: StudyLine) -> str:
    if line.results is None or line.results.difference.low is None:
        return ""
    return between(line.results.difference.low, line.results.difference.high)


def _setting(field: str) -> Callable[[StudyLine], str]:
    return lambda line: shown(str(getattr(line.config, field))) if line.config is not None else ""


def _done(line: StudyLine) -> float | None:
    return line.done


def _size(line: StudyLine) -> float | None:
    return line.size


def _first_line(line: StudyLine) -> str:
    return next(iter(line.note.splitlines()), "")


_baseline, _optimized = _accuracy("baseline"), _accuracy("optimized")
COLUMNS = (
    Column("name", "study", lambda line: shown(line.directory.name), rank=0, least=20),
    Column("state", "state", lambda line: line.state, rank=0),
    Column(
        "runs",
        "runs",
        lambda line: f"{line.finished}/{line.runs}" if line.runs else "",
        rank=1,
        least=5,
        number=lambda line: line.finished,
    ),
    Column("done", "done", _in_words(_done, lambda done: f"{int(100 * done)}%"), rank=7, least=4, number=_done),
    Column("baseline", "base %", _result(_baseline, percent), rank=6, least=6, number=_baseline),
    Column("optimized", "opt %", _result(_optimized, percent), rank=2, least=5, number=_optimized),
    Column("difference", "diff", _result(_difference, signed, named=False), rank=3, least=5, number=_difference),
    Column("interval", "95 % interval", _interval, rank=9, least=14, number=_difference),
    Column("size", "size", _in_words(_size, in_bytes), rank=4, least=6, number=_size),
    Column("age", "age", lambda line: age(line.created), rank=5, least=6, number=lambda line: line.created),
    Column("data", "data", _setting("dataset"), rank=8, least=6),
    Column("model", "model", _setting("model"), rank=10, least=6),
    Column("strategy", "strategy", _setting("strategy"), rank=11, least=8),
    Column("note", "note", _first_line, rank=12, least=8),
)
BY_NAME = {column.name: column for column in COLUMNS}


def age(created: float) -> str:
    """How long ago something was begun, in one unit."""
    seconds = max(time.time() - created, 0.0)
    return next((f"{seconds // unit:.0f} {word}" for unit, word in AGES if seconds >= unit), f"{seconds:.0f} s")


def problem_words(line: StudyLine) -> str:
    """Why a study cannot be read, in one line, without the folder that stands beside it."""
    return line.problem.replace(f"{line.directory}/", "").replace("\n", " ")


def details(line: StudyLine) -> list[str]:
    """Lines on one study: note, settings, progress, results."""
    if line.state == UNREADABLE:
        return [*_noted(line), line.problem]
    config = line.config
    if config is None:
        return []
    settings = f"{config.dataset}, {config.model}, {config.strategy} against {config.baseline}, {config.optimizer}"
    begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(line.created))
    size = f", {in_bytes(line.size)} on disk" if line.size is not None else ""
    if line.kept and line.state != "finished":
        size += f" (finished about {in_bytes(line.kept)})"
    progress = f"{line.finished} of {line.runs} runs finished, {line.epochs} of {line.planned_epochs} epochs"
    if line.goes_on:
        number = len(line.goes_on)
        more = "1 finished run goes" if number == 1 else f"{number} finished runs go"
        progress += f" (epochs were added: {more} on to {config.epochs})"
    lines = [*_noted(line), f"{settings}, {config.epochs} epochs", f"begun {begun}; {progress}{size}"]
    if line.results is not None and line.finished:
        lines.append(result_words(line.results, line.task))
        if line.results.is_interim:
            lines.append(INTERIM_WORDS)
    return lines


def run_words(line: StudyLine) -> list[str]:
    """The runs by their state, those of one state in a line."""
    states = dict.fromkeys(status for _, status in line.run_status)
    return [f"{state}: {', '.join(name for name, status in line.run_status if status == state)}" for state in states]


def result_words(results: StudyResults, task: Task = "single-label") -> str:
    """Both arms and their difference by the usual metric on test images, in percent."""
    arms = [
        f"{name} {mean_sd(summary)}"
        for name, summary in (("baseline", results.baseline), ("optimized", results.optimized))
        if summary.values
    ]
    difference = results.difference
    text = f"test {metric_title(results.metric, task)} %: {', '.join(arms)}"
    if difference.mean is None:
        return text
    text += f"; difference {signed(difference.mean)} points"
    pairs = "1 pair" if difference.n == 1 else f"{difference.n} pairs"
    if difference.low is None:
        return f"{text} ({pairs})"
    return f"{text} (95 % interval {between(difference.low, difference.high)}, {pairs})"


def _noted(line: StudyLine) -> list[str]:
    return [f"note: {' '.join(line.note.split())}"] if line.note else []
