"""Drive one decision of a strategy without a training."""

from __future__ import annotations

from collections.abc import Callable

from hptui.strategies import Candidate, Choice, Measurement, Situation, Strategy

MOST_ROUNDS = 200


def run_decision(
    strategy: Strategy, situation: Situation, measure: Callable[[Candidate], Measurement]
) -> tuple[list[list[Candidate]], Choice]:
    """The rounds of candidates that it yields, and its choice."""
    course, rounds, measurements = strategy.decide(situation), [], None
    if isinstance(course, Choice):
        return [], course
    for _ in range(MOST_ROUNDS):
        try:
            candidates = next(course) if measurements is None else course.send(measurements)
        except StopIteration as end:
            return rounds, end.value
        assert candidates, "an empty round would never end"
        assert all(isinstance(candidate, Candidate) for candidate in candidates)
        rounds.append(candidates)
        measurements = [measure(candidate) for candidate in candidates]
    raise AssertionError(f"no choice within {MOST_ROUNDS} rounds")
