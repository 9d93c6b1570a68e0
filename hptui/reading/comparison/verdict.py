"""Whether the search paid on the data of a study, and what it cost: one rule, in the words of the comparison.

It rests on the paired difference of the test metric, optimized minus baseline, and its 95 % interval over pairs:

    pays         the interval lies on the good side of zero
    loses        it lies on the bad side
    untold       it includes zero, or there is none because all pairs differ by the same
    too few      fewer than two pairs are completed
    no baseline  nothing to compare with
    untested     no test images

It is of the search where the optimized runs alone search, else of the optimized arm, with the strategies of both.

Cost is what the optimized runs of these pairs took, as a multiple of what their baseline runs took: images and seconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from hptui.config import StudyConfig
from hptui.metrics.classification import LOWER_IS_BETTER, metric_title
from hptui.reading.comparison.differences import Difference, student_difference, within_shares
from hptui.reading.comparison.evidence import final_test_accuracy
from hptui.reading.comparison.number_words import between, signed
from hptui.reading.studies import FollowedStudy
from hptui.record.task import Task

Kind = Literal["pays", "loses", "untold", "too few", "no baseline", "untested"]

LEAST_PAIRS = 2
"""fewer have no spread"""
FEW_PAIRS = 5
"""with fewer the interval itself is uncertain"""
FEW_WORDS = "With so few pairs the interval itself is uncertain."
TOO_WIDE = 0.2
"""an interval that reaches further than this from zero bounds nothing that anybody would call small"""
THE_SEARCH = "the search"


class Cost(msgspec.Struct, frozen=True):
    """Optimized runs as a multiple of the baseline runs of their pairs; null: nobody counted them."""

    images: float | None
    seconds: float | None


class Verdict(msgspec.Struct, frozen=True):
    """What a study says of its own search so far."""

    kind: Kind
    metric: str
    pairs: int
    planned: int
    short: str
    """a sentence without interval, for where that stands beside it"""
    words: str
    """one sentence, or two"""
    cost: Cost | None = None
    """null: no pair is completed"""

    @property
    def is_told(self) -> bool:
        """Whether there are pairs enough to say something of the data."""
        return self.kind in ("pays", "loses", "untold")

    @property
    def is_final(self) -> bool:
        """Whether no further pair is planned."""
        return self.pairs >= self.planned


def subject(config: StudyConfig) -> str:
    """What a verdict on a study of these settings is of, in words: the search, where one arm alone searches."""
    if config.strategy != "fixed" and config.baseline in ("fixed", "none"):
        return THE_SEARCH
    against = f" against {config.baseline}" if config.baseline != "none" else ""
    return f"the optimized arm ({config.strategy}{against})"


def judge(
    difference: Difference, metric: str, task: Task, planned: int, cost: Cost | None, of: str = THE_SEARCH
) -> Verdict:
    """Judge the paired difference of a study that has both arms and test images; `of` is its `subject`."""
    kind, title = _kind(difference, metric), metric_title(metric, task)
    return Verdict(
        kind,
        metric,
        difference.n,
        planned,
        _short(kind, difference, title, planned, cost, of),
        _told(kind, difference, title, planned, cost, of),
        cost,
    )


def no_verdict(kind: Literal["no baseline", "untested"], metric: str, planned: int, of: str = THE_SEARCH) -> Verdict:
    """What it takes to tell, where a study as it is never can."""
    takes = {
        "no baseline": "runs without the search to compare with: leave out --baseline none (--baseline fixed).",
        "untested": "test images, which decisions never see: --test-size, or a data set that has some.",
    }
    if of != THE_SEARCH:
        takes["no baseline"] = "other runs to compare with: --strategy adaptive, without --baseline none."
    words = f"Whether {of} pays cannot be told here. It takes {takes[kind]}"
    return Verdict(kind, metric, 0, planned, words, words)


def verdict_so_far(followed: FollowedStudy) -> Verdict | None:
    """The verdict on test accuracy from the logs alone, fast enough for a screen; None where accuracy is not asked for.

    The same that `hptui.reading.comparison.compare` comes to.
    """
    config = followed.study.config
    if followed.task == "multi-label":  # their usual metric needs the predictions
        return None
    if followed.untested:
        return no_verdict("untested", "accuracy", config.runs, subject(config))
    if "baseline" not in config.arms:
        return no_verdict("no baseline", "accuracy", config.runs, subject(config))
    pairs = paired_seeds(followed)
    baseline, optimized = (
        {run.seed: final_test_accuracy(run.state) for run in followed.tested_runs(arm) if run.seed in pairs}
        for arm in ("baseline", "optimized")
    )
    difference = within_shares(student_difference(baseline, optimized))
    return judge(difference, "accuracy", followed.task, config.runs, cost_of_pairs(followed), subject(config))


def paired_seeds(followed: FollowedStudy) -> list[int]:
    """Seeds of which both runs are completed and tested, and had as many epochs to come: added ones come one by one."""
    epochs = [
        {run.seed: run.state.epochs_planned for run in followed.tested_runs(arm)} for arm in ("baseline", "optimized")
    ]
    return [seed for seed, done in sorted(epochs[0].items()) if epochs[1].get(seed) == done]


def cost_of_pairs(followed: FollowedStudy) -> Cost | None:
    """Cost of the completed pairs; None while there is none."""
    seeds = paired_seeds(followed)
    ends = [
        [run.state.completed for run in followed.tested_runs(arm) if run.seed in seeds and run.state.completed]
        for arm in ("baseline", "optimized")
    ]
    if not seeds:
        return None
    images = [[end.images_trained + end.images_probed for end in of_arm] for of_arm in ends]
    seconds = [[end.seconds for end in of_arm] for of_arm in ends]
    return Cost(_ratio(images[0], images[1]), _ratio(seconds[0], seconds[1]))


def _ratio(baseline: Sequence[float], optimized: Sequence[float]) -> float | None:
    before = math.fsum(baseline)
    return math.fsum(optimized) / before if before > 0 else None


def _kind(difference: Difference, metric: str) -> Kind:
    if difference.n < LEAST_PAIRS:
        return "too few"
    if difference.low is None or difference.high is None or difference.low <= 0 <= difference.high:
        return "untold"
    return "pays" if (difference.low > 0) != (metric in LOWER_IS_BETTER) else "loses"


def _short(kind: Kind, difference: Difference, title: str, planned: int, cost: Cost | None, of: str) -> str:
    if difference.mean is None or kind == "too few" or _is_nothing(difference):
        return _told(kind, difference, title, planned, cost, of)
    so_far = " so far" * (difference.n < planned)
    told = f"{_start(kind, title, of)} here" if kind != "untold" else f"Whether {of} pays cannot be told"
    return f"{told}{so_far}: {signed(difference.mean)} points of test {title}{cost_words(cost)}."


def _is_nothing(difference: Difference) -> bool:
    """Whether every optimized run came to what its baseline did, as where nothing was chosen."""
    return difference.n >= LEAST_PAIRS and difference.mean == 0 and difference.sd == 0


def _start(kind: Kind, title: str, of: str) -> str:
    return f"{of[0].upper()}{of[1:]} {'pays' if kind == 'pays' else f'costs {title}'}"


def _told(kind: Kind, difference: Difference, title: str, planned: int, cost: Cost | None, of: str) -> str:
    n, price = difference.n, cost_words(cost)
    if difference.mean is None or kind == "too few":
        return _too_few(difference, title, planned, price, of)
    so_far, pairs = " so far" * (n < planned), f"{n} pairs"
    if _is_nothing(difference):
        return (
            f"{of[0].upper()}{of[1:]} makes no difference here{so_far}: all {pairs} have the same test {title}{price}."
        )
    points = f"{signed(difference.mean)} points of test {title}"
    if difference.low is None or difference.high is None:
        return f"Whether {of} pays cannot be told{so_far}: all {pairs} differ by the same, {points}{price}."
    interval = f"95 % interval {between(difference.low, difference.high)}, {pairs}"
    if kind == "untold":
        widest = max(abs(difference.low), abs(difference.high))
        return f"Whether {of} pays cannot be told{so_far}: {points} ({interval}){price}. {_at_most(widest, n)}"
    few = f" {FEW_WORDS}" if n < FEW_PAIRS else ""
    return f"{_start(kind, title, of)} here{so_far}: {points} against the baseline ({interval}){price}.{few}"


def _too_few(difference: Difference, title: str, planned: int, price: str, of: str) -> str:
    one = difference.mean
    first = f" The first pair differs by {signed(one)} points of test {title}{price}." if one is not None else ""
    more = "" if planned >= LEAST_PAIRS else " of --runs 2 or more (10 tell more)"
    return f"Whether {of} pays is told from {LEAST_PAIRS} pairs{more} on; {difference.n} of {planned} completed.{first}"


def _at_most(widest: float, n: int) -> str:
    """What an interval that includes zero and reaches so far leaves open, in a sentence."""
    if widest > TOO_WIDE:
        few = f"{n} pairs are too few for that: " if n < FEW_PAIRS else ""
        return f"{few or 'The pairs differ too much for that: '}the interval bounds no difference that could matter."
    few = f" {FEW_WORDS}" if n < FEW_PAIRS else ""
    return f"If there is a difference, it is hardly more than {100 * widest:.2f} points.{few}"


def cost_words(cost: Cost | None) -> str:
    """Words for what it cost, to end a sentence with; empty if nobody knows."""
    if cost is None or cost.images is None:
        return ""
    seconds = f" and {cost.seconds:.2f} times the seconds" if cost.seconds is not None else ""
    return f", for {cost.images:.2f} times the images{seconds}"
