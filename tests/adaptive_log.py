"""Events of decisions as the adaptive strategy makes them: probes of different lengths, values beside the grid's."""

from __future__ import annotations

from typing import Any

from fabricate import candidate_scored, chosen, decision_started, epoch_completed, run_started, values

from hptui.record.events import AnyEvent, Axis, LandscapePredicted

RATES = Axis(name="lr", low=1e-4, high=1e-2, scale="log", values=[1e-4, 1e-3, 1e-2])
DROPOUT = Axis(name="dropout", low=0.0, high=0.8, scale="linear", values=[0.0, 0.2, 0.4, 0.6, 0.8])
DECAY = Axis(name="weight_decay", low=1e-6, high=1e-2, scale="log", values=[1e-6, 1e-4, 1e-2])
SEARCHED = [RATES, DROPOUT, DECAY]
LEVELS = (0.266666666667, 0.533333333333)
DECAYS = (2.15443469003e-05, 0.000464158883361)
BASE = {"dropout": 0.0, "weight_decay": 1e-6}
SURVEY_REASON = "survey of 3 rates: lr 0.01; loss 0.34 (lowest 0.33 at lr 0.001, within noise of it)"
SCREEN_REASON = "screen of 4 levels: lr 0.01, dropout 0.533; loss 0.11"


def scored(decision: int, number: int, score: float | None, **more: Any) -> AnyEvent:
    """A candidate; `images` and `start` say how long it was trained, and from where; all else are its values."""
    where = {key: more.pop(key) for key in ("images", "start") if key in more}
    lost = {"score": score, "loss": score, "diverged": score is None}
    return candidate_scored(decision, number, values=values(0.01) | BASE | more, **lost, **where)


def survey() -> list[AnyEvent]:
    """Three rates for 20 images; the better two go on for 40. The larger of them is taken, though it scores higher."""
    predicted: list[float | None] = [None] * 45
    for rate, score in enumerate((0.7, 0.33, 0.34)):
        predicted[rate * 15] = score
    return [
        decision_started(0, 1, axes=SEARCHED, planned=None),
        scored(0, 0, 2.2, lr=1e-4),
        scored(0, 1, 0.9122, lr=1e-3),
        scored(0, 2, 0.95),
        scored(0, 3, 0.33, lr=1e-3, images=40, start=(0, 1)),
        scored(0, 4, 0.34, images=40, start=(0, 2)),
        LandscapePredicted(decision=0, scores=predicted),
        chosen(0, 1, 0.01, candidate=4, values=values(0.01) | BASE, reason=SURVEY_REASON, start=(0, 4)),
    ]


def screen() -> list[AnyEvent]:
    """What is in force and two levels each of two hyperparameters for 80 images; then two candidates for as long."""
    levels: list[dict[str, float]] = [
        {},
        *({"dropout": level} for level in LEVELS),
        *({"weight_decay": decay} for decay in DECAYS),
    ]
    first = [
        scored(1, number, 0.2 - number / 100, images=80, **changed)  # type: ignore[arg-type]
        for number, changed in enumerate(levels)
    ]
    both = {"dropout": LEVELS[1], "weight_decay": DECAYS[1]}
    return [
        decision_started(1, 3, axes=SEARCHED, planned=None),
        *first,
        scored(1, 5, 0.12, images=80, start=(1, 2), dropout=LEVELS[1]),
        scored(1, 6, 0.11, images=80, start=(1, 2), **both),  # type: ignore[arg-type]
        chosen(1, 3, 0.01, candidate=6, values=values(0.01) | both, reason=SCREEN_REASON, start=(1, 6)),
    ]


def adaptive_run() -> list[AnyEvent]:
    """Both decisions, and an epoch after each."""
    begun = run_started(strategy="adaptive", searched=SEARCHED, epochs=3)
    return [begun, *survey(), epoch_completed(1), epoch_completed(2), *screen(), epoch_completed(3)]
