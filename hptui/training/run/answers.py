"""What a strategy answers, checked: own strategies make mistakes, and must not hang a run or train nonsense."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from hptui.config import StudyConfig
from hptui.errors import ConfigError, TrainingError
from hptui.hyperparameters import Values, hyperparameter
from hptui.strategies import Candidate, Choice, Situation, Strategy

EDGE = 1e-9
"""relative: what rounding may add to the end of a range"""


def checked_candidates(request: Any, situation: Situation, strategy: Strategy) -> list[Candidate]:
    """The candidates that a strategy yields, by canonical names.

    Raises:
        TrainingError: no candidates, unknown hyperparameters, values out of bounds or outside the ranges.
    """
    name = type(strategy).__name__
    if not isinstance(request, list) or not request or not all(isinstance(entry, Candidate) for entry in request):
        raise TrainingError(f"strategy {name} has to yield candidates and return a Choice, not {request!r:.80}.")
    return [dataclasses.replace(entry, values=_checked(entry.values, situation, name)) for entry in request]


def checked_choice(choice: Any, situation: Situation, strategy: Strategy) -> Choice:
    """The choice that a strategy returns; raise TrainingError as `checked_candidates` does."""
    name = type(strategy).__name__
    if not isinstance(choice, Choice):
        raise TrainingError(f"strategy {name} has to return a Choice, not {choice!r:.80}.")
    return dataclasses.replace(choice, values=_checked(choice.values, situation, name))


def _checked(values: Values, situation: Situation, strategy: str) -> Values:
    checked: Values = {}
    for given, value in values.items():
        try:
            known = hyperparameter(given)
            checked[known.name] = known.check(float(value))
        except (ConfigError, TypeError, ValueError) as error:
            raise TrainingError(f"strategy {strategy}: {error}") from None
        entry = situation.space.get(known.name)
        unchanged = checked[known.name] == situation.values.get(known.name)
        if (
            entry is not None
            and not unchanged
            and not entry.low * (1 - EDGE) <= checked[known.name] <= entry.high * (1 + EDGE)
        ):
            raise TrainingError(f"strategy {strategy} leaves the range of {known.name} ({entry}) with {value:g}.")
    return checked


def checked_prediction(scores: Sequence[float], config: StudyConfig, strategy: str) -> list[float | None]:
    """Predicted scores of all cells; raise TrainingError if they are not as many."""
    cells = math.prod(len(entry.values()) for entry in config.space.values())
    if len(scores) != cells:
        raise TrainingError(f"strategy {strategy} predicts {len(scores)} scores for a grid of {cells} cells.")
    return [float(score) if math.isfinite(score) else None for score in scores]
