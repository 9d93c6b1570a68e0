"""The strategy of each arm, checked against the settings, and what it plans. No torch: a form asks while one types."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hptui import registry
from hptui.config import Arm, StudyConfig
from hptui.errors import ConfigError, first_line
from hptui.plan import Length, Plan, planned_cost
from hptui.strategies import Outlook, Strategy


@dataclass(frozen=True)
class ArmPlan:
    """What the runs of one arm will do, as far as it can be told before they begin."""

    plan: Plan
    cost: float | None
    """in plain trainings; None: it depends on what is found"""


def new_strategy(config: StudyConfig, arm: Arm, seed: int = 0, own: type[Strategy] | None = None) -> Strategy:
    """The strategy of one arm, of the class `own` if there is one; raise ConfigError if it is no Strategy."""
    name = config.strategy_of(arm)
    factory = own or registry.load("strategies", name)
    try:
        strategy = factory(config.epochs, config.decision_epochs(), seed)
    except Exception as error:
        raise ConfigError(f"strategy {name!r} cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(strategy, Strategy):
        raise ConfigError(f"strategy {name!r} is a {type(strategy).__name__}, not a hptui.strategies.Strategy.")
    strategy.budget = config.budget
    if strategy.searches:
        _check_settings(config, strategy, name)
    return strategy


def _check_settings(config: StudyConfig, strategy: Strategy, name: str) -> None:
    """Raise ConfigError for what this strategy would silently pass over."""
    if type(strategy).decide is Strategy.decide:
        raise ConfigError(f"strategy {name!r} searches, but has no decide(self, situation) that yields candidates.")
    if config.greed_check and not strategy.has_probes:
        raise ConfigError(f"greed_check: strategy {name!r} has no probes that could be twice as long; set it to 0.")
    if config.score != "loss" and not strategy.compares_score:
        raise ConfigError(
            f"score = {config.score!r}: strategy {name!r} compares validation losses, "
            "image by image; leave score at loss, or take grid or pbt."
        )
    if not config.search:
        raise ConfigError(f"strategy {name!r} has nothing to search; name at least one range with --search.")


def plan_arm(config: StudyConfig, arm: Arm, images: int = 0) -> ArmPlan:
    """What a new study's arm plans; raise ConfigError where the strategy refuses the settings, or cannot tell.

    Args:
        config: of the study.
        arm: of it.
        images: that one epoch trains; 0: nobody has counted them yet.
    """
    strategy = new_strategy(config, arm)
    name = config.strategy_of(arm)
    if strategy.searches and not strategy.uses_horizon and config.horizon != StudyConfig().horizon:
        # of a new study alone: an older hptui accepted it, and what it trained can be resumed and replayed
        raise ConfigError(f"horizon: strategy {name!r} plans how long it trains each candidate itself; leave it out.")
    values = config.start_values
    outlook = Outlook(
        epoch=1,
        epochs=config.epochs,
        images_per_epoch=images,
        values=values,
        space=config.space,
        horizon=config.horizon,
    )
    length = Length(config.epochs, images, round(values["batch_size"]))
    try:
        plan = strategy.plan(outlook)
        cost = planned_cost(plan, length, greed_check=config.greed_check)
    except Exception as error:
        raise ConfigError(
            f"strategy {name!r} cannot plan what it tries: {type(error).__name__}: {first_line(error)}"
        ) from error
    if cost is not None and not 0 < cost < math.inf:
        raise ConfigError(f"strategy {name!r} plans a cost of {cost}.")
    return ArmPlan(plan, cost)
