"""What a strategy answers, checked: own strategies make mistakes, and must not hang a run or train nonsense."""

from __future__ import annotations

import math
import operator
from collections.abc import Generator, Mapping
from typing import Any

from hptui.config import StudyConfig
from hptui.errors import ConfigError, TrainingError
from hptui.hyperparameters import Values, hyperparameter
from hptui.strategies import Candidate, Choice, DecisionCourse, Situation, StateName, Strategy

EDGE = 1e-9
"""relative: what rounding may add to the end of a range"""


def checked_candidates(request: Any, situation: Situation, strategy: Strategy) -> list[Candidate]:
    """The candidates that a strategy yields, by canonical names.

    Raises:
        TrainingError: no candidates, unknown hyperparameters, values out of bounds or outside the ranges, a length or
            a start that is none.
    """
    name = type(strategy).__name__
    if not isinstance(request, list) or not request or not all(isinstance(entry, Candidate) for entry in request):
        raise TrainingError(f"strategy {name} has to yield candidates and return a Choice, not {request!r:.80}.")
    return [
        Candidate(
            _checked(entry.values, situation, name),
            None if entry.horizon is None else _horizon(entry.horizon, name),
            None if entry.start is None else _state_name(entry.start, name),
            bool(entry.keep),
            None if entry.along is None else _along(entry.along, name),
        )
        for entry in request
    ]


def checked_choice(choice: Any, situation: Situation, strategy: Strategy, candidates: int) -> Choice:
    """The choice that a strategy returns after so many `candidates`, as plain data that every log can hold.

    Raises:
        TrainingError: as `checked_candidates` does; a candidate that was not measured; a reason that is no text.
    """
    name = type(strategy).__name__
    if choice is None:
        raise TrainingError(f"strategy {name} ends a decision without a Choice: decide has to return one.")
    if not isinstance(choice, Choice):
        raise TrainingError(f"strategy {name} has to return a Choice, not {choice!r:.80}.")
    if not isinstance(choice.reason, str):
        raise TrainingError(f"strategy {name} has to give its reason as text, not {choice.reason!r:.80}.")
    number = None if choice.candidate is None else _whole(choice.candidate)
    if choice.candidate is not None and (number is None or not 0 <= number < candidates):
        raise TrainingError(f"strategy {name} chooses candidate {choice.candidate!r:.80} of {candidates}.")
    return Choice(
        _checked(choice.values, situation, name),
        choice.reason,
        number,
        None if choice.start is None else _state_name(choice.start, name),
        choice.predicted,
        _left_out(choice.left_out, situation, name),
        _excluded(choice.excluded, candidates, name),
    )


def checked_decision(given: Any, strategy: Strategy) -> DecisionCourse | Choice:
    """What `decide` gives; raise TrainingError where it is neither a generator nor a choice."""
    if isinstance(given, Choice | Generator):
        return given
    raise TrainingError(
        f"decide of strategy {type(strategy).__name__} has to yield lists of candidates and return a Choice; "
        f"it gives {given!r:.80}."
    )


def _whole(number: Any) -> int | None:
    """`number` as Python's own, also one of NumPy; None if it is no whole number."""
    try:
        return None if isinstance(number, bool) else operator.index(number)
    except TypeError:
        return None


def _horizon(epochs: Any, strategy: str) -> float:
    try:
        checked = float(epochs)
    except (TypeError, ValueError):
        checked = math.nan
    if not 0 < checked < math.inf:
        raise TrainingError(f"strategy {strategy} wants a probe of {epochs!r:.80} epochs; it has to be more than 0.")
    return checked


def _along(span: Any, strategy: str) -> tuple[float, float]:
    try:
        begin, end = map(float, span)
    except (TypeError, ValueError):
        begin = end = math.nan
    if not 0 <= begin <= end < math.inf:
        raise TrainingError(
            f"strategy {strategy} wants a rate that follows the schedule along {span!r:.80}; that has to be two "
            "numbers of epochs, the first one not the larger."
        )
    return begin, end


def _state_name(name: Any, strategy: str) -> StateName:
    numbers = [_whole(entry) for entry in name] if isinstance(name, tuple | list) else []
    match numbers:
        case [int(decision), int(candidate)]:
            return decision, candidate
    raise TrainingError(f"strategy {strategy} wants to go on from {name!r:.80}; the name of a kept state is its end.")


def _left_out(names: Any, situation: Situation, strategy: str) -> tuple[str, ...]:
    if isinstance(names, tuple | list) and all(name in situation.space for name in names):
        return tuple(names)
    raise TrainingError(f"strategy {strategy} has to name what it leaves out as a tuple of names, not {names!r:.80}.")


def _excluded(places: Any, candidates: int, strategy: str) -> tuple[int, ...]:
    numbers = [_whole(entry) for entry in places] if isinstance(places, tuple | list) else [None]
    checked = tuple(number for number in numbers if number is not None and 0 <= number < candidates)
    if len(checked) < len(numbers):
        raise TrainingError(
            f"strategy {strategy} has to exclude candidates by their places among {candidates}, not {places!r:.80}."
        )
    return checked


def _checked(values: Values, situation: Situation, strategy: str) -> Values:
    checked: Values = {}
    if not isinstance(values, Mapping):
        raise TrainingError(
            f"strategy {strategy} has to give values by the name of a hyperparameter, not {values!r:.80}."
        )
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


def checked_prediction(scores: Any, config: StudyConfig, strategy: str) -> list[float | None]:
    """Predicted scores of all cells; raise TrainingError if they are not as many numbers."""
    cells = math.prod(len(entry.values()) for entry in config.space.values())
    try:
        numbers = [float(score) for score in scores]
    except (TypeError, ValueError):
        raise TrainingError(f"strategy {strategy} has to predict numbers, not {scores!r:.80}.") from None
    if len(numbers) != cells:
        raise TrainingError(f"strategy {strategy} predicts {len(numbers)} scores for a grid of {cells} cells.")
    return [number if math.isfinite(number) else None for number in numbers]
