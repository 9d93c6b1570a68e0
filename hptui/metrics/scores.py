"""What a decision compares (--score), as it is recorded and as it is told.

It is recorded so that lower is better: a loss, an error, or 1 less a metric. It is told in its own unit and direction.
"""

from __future__ import annotations

from hptui.metrics.classification import LOWER_IS_BETTER, METRIC_TITLES


def lower_is_better(name: str) -> bool:
    """Whether a score is told as it is recorded: a loss, an error, or what an hptui of another time had."""
    return name not in METRIC_TITLES or name in LOWER_IS_BETTER


def told(name: str, score: float) -> float:
    """A recorded score as it is told."""
    return score if lower_is_better(name) else 1 - score


def score_title(name: str) -> str:
    """What it is called."""
    return METRIC_TITLES.get(name, name)


def score_words(name: str, score: float) -> str:
    """A recorded score as it is told, with its unit where it is a share: "0.4321", "83.41 %"."""
    return f"{score:.4g}" if lower_is_better(name) else f"{100 * told(name, score):.2f} %"
