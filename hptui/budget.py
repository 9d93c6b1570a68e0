"""The budget of a search where nobody named one: more of it where a training is short, by this machine's clock.

A set that trains in four seconds may cost ten trainings, one of a night may not. The number is settled once, when a
study begins, and kept with it: whoever goes on with the study, on whatever machine, has the same one. No torch: a form
asks while one types.
"""

from __future__ import annotations

import msgspec

from hptui.config import StudyConfig
from hptui.headway import duration
from hptui.planning import LEAST_BUDGET, Speed, spends_budget

MOST_BUDGET = 10.0
"""plain trainings: what more of them bring is not worth waiting for, however short they are"""
MORE_SECONDS = 60.0
"""that a run may take more than a plain training, whatever its length"""


def automatic_budget(seconds: float) -> float:
    """What a run may cost in plain trainings of so many seconds each, to a tenth."""
    return round(min(MOST_BUDGET, max(LEAST_BUDGET, 1 + MORE_SECONDS / seconds)), 1)


def is_open(config: StudyConfig) -> bool:
    """Whether a budget is still to be settled: a strategy spends one, and nobody named it."""
    return config.budget == "auto" and spends_budget(config)


def settled(config: StudyConfig, speed: Speed | None) -> StudyConfig:
    """The settings with a number for their budget, where it is open and the speed of this machine is known."""
    return with_number(config, speed) if speed is not None and is_open(config) else config


def with_number(config: StudyConfig, speed: Speed) -> StudyConfig:
    """The settings with the budget that a machine of this speed allows."""
    return msgspec.structs.replace(config, budget=automatic_budget(plain_seconds(config, speed)))


def budget_lines(config: StudyConfig, speed: Speed | None) -> list[str]:
    """How an open budget is settled, in words; none where somebody named one."""
    if not is_open(config):
        return []
    if speed is None:
        return [f"budget auto: {LEAST_BUDGET:g} plain trainings, or more where one is short on this machine"]
    return [measured_words(config, speed)]


def measured_words(config: StudyConfig, speed: Speed) -> str:
    """What an open budget comes to on a machine of this speed."""
    seconds = plain_seconds(config, speed)
    return f"budget {automatic_budget(seconds):g} (auto): a plain training takes about {duration(seconds)} here"


def plain_seconds(config: StudyConfig, speed: Speed) -> float:
    """Seconds that one training without a search takes."""
    evaluated = (2 * speed.validation_images + speed.test_images) / speed.evaluated
    return config.epochs * (speed.images / speed.trained + evaluated)
