"""What was measured of one candidate, and how well that is known."""

from __future__ import annotations

import math

from hptui.metrics.classification import sensitivity, specificity
from hptui.metrics.scores import told
from hptui.reading.run_state import Decision
from hptui.reading.views.heatmap_grid import Measure
from hptui.record.events import CandidateScored


def measured(candidate: CandidateScored, measure: Measure, score_name: str) -> float | None:
    """Measured number of a candidate, a score in its own unit; None if it is not finite or not defined."""
    match measure:
        case "score":
            return None if candidate.score is None else told(score_name, candidate.score)
        case "sensitivity":
            return sensitivity(candidate.classes)
        case "specificity":
            return specificity(candidate.classes)
        case _:
            value: float | None = getattr(candidate, measure)
            return value


def standard_error(candidate: CandidateScored, measure: Measure, score_name: str) -> float | None:
    """Standard error of a measured number over the validation images; None where nobody knows it.

    Candidates see the same images: differences between them are known better than this says.
    """
    if measure == "loss" or (measure == "score" and score_name == "loss"):
        return candidate.loss_error
    if measure == "score" and candidate.score_error is not None:
        return candidate.score_error
    shares = {"accuracy": candidate.accuracy, "raw_accuracy": candidate.raw_accuracy}
    share = candidate.accuracy if measure == "score" and score_name == "accuracy" else shares.get(measure)
    images = candidate.classes.total
    if share is None or not images or candidate.classes.images is not None:  # of labels of one image, no two are apart
        return None
    return math.sqrt(share * (1 - share) / images)


def went_on_from(decision: Decision) -> frozenset[int]:
    """Candidates of a decision at whose end another of its probes began."""
    own = decision.started.decision
    starts = [one.start for one in decision.candidates if one.start is not None]
    return frozenset(number for at, number in starts if at == own)
