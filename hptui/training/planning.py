"""The strategy of each arm, checked against the settings, and what it is expected to cost."""

from __future__ import annotations

import math

from hptui import registry
from hptui.config import Arm, StudyConfig
from hptui.errors import ConfigError, first_line
from hptui.strategies import Strategy
from hptui.training.run.decision import LONGER


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


def planned_cost(config: StudyConfig, arm: Arm) -> float:
    """The cost an arm is expected to have, in plain trainings; raise ConfigError if that cannot be told."""
    strategy = new_strategy(config, arm)
    if strategy.searches and not strategy.uses_horizon and config.horizon != StudyConfig().horizon:
        # of a new study alone: an older hptui accepted it, and what it trained can be resumed and replayed
        plain = config.strategy_of(arm)
        raise ConfigError(f"horizon: strategy {plain!r} plans how long it trains each candidate itself; leave it out.")
    try:
        cost = float(strategy.planned_cost(config.space, config.horizon))
    except Exception as error:
        name = type(strategy).__name__
        raise ConfigError(
            f"strategy {name} cannot plan its cost: {type(error).__name__}: {first_line(error)}"
        ) from error
    if not 0 < cost < math.inf:
        raise ConfigError(f"strategy {type(strategy).__name__} plans a cost of {cost}.")
    if not (config.greed_check and strategy.searches):
        return cost
    decisions = max(1, sum(epoch <= config.epochs for epoch in config.decision_epochs()))
    return (
        cost + LONGER * (cost - 1) * math.ceil(decisions / config.greed_check) / decisions
    )  # the first one is checked
