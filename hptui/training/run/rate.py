"""What multiplies the learning rate in the course of a run: the study's schedule, or the strategy's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.training.engine.plug_ins import load_schedule

if TYPE_CHECKING:
    from hptui.config import StudyConfig
    from hptui.schedules import Schedule
    from hptui.strategies import Strategy


def schedule_of(config: StudyConfig, strategy: Strategy) -> Schedule:
    """The schedule that the study names; else the strategy's own, which is followed when the strategy says so.

    Raises:
        ConfigError: it gives no factors.
    """
    if config.schedule is not None:
        return load_schedule(config.schedule)
    own = load_schedule(strategy.schedule)

    def factor(progress: float) -> float:
        return own(progress) if strategy.follows_schedule() else 1.0

    return factor
