"""The strategy of each arm, checked against the settings, and what it plans. No torch: a form asks while one types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from hptui import registry
from hptui.config import Arm, StudyConfig
from hptui.errors import ConfigError, first_line
from hptui.headway import duration
from hptui.plan import Length, Plan, plan_lines, planned_cost
from hptui.strategies import Outlook, Strategy

LEAST_BUDGET = 1.5
"""plain trainings that a run may cost where nobody named a number"""


@dataclass(frozen=True)
class ArmPlan:
    """What the runs of one arm will do, as far as it can be told before they begin."""

    plan: Plan
    cost: float | None
    """in plain trainings; None: it depends on what is found"""
    counted: bool = True
    """whether its probes are as long as they will be, in whole batches; else nobody has counted the images"""


class Speed(msgspec.Struct, frozen=True, tag="speed"):
    """How fast a machine trains a study, as it was measured."""

    trained: float
    """images per second"""
    evaluated: float
    """images per second"""
    images: int
    """that one epoch trains"""
    validation_images: int
    test_images: int
    device: str
    """cpu or cuda"""
    seconds: float
    """of training that were measured"""


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """What the start of a study would refuse, found by trying."""

    setting: str
    """the field of the configuration that it is about"""
    message: str


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
    strategy.budget = LEAST_BUDGET if config.budget == "auto" else config.budget
    if strategy.searches:
        _check_settings(config, strategy, name)
    return strategy


def _check_settings(config: StudyConfig, strategy: Strategy, name: str) -> None:
    """Raise ConfigError for what this strategy would silently pass over."""
    if type(strategy).decide is Strategy.decide:
        raise ConfigError(f"strategy {name!r} searches, but has no decide(self, situation) that yields candidates.")
    if config.greed_check and not strategy.has_probes:
        raise ConfigError(f"greed_check: strategy {name!r} has no probes that could be twice as long; set it to 0.")
    if not config.search:
        raise ConfigError(f"strategy {name!r} has nothing to search; name at least one range with --search.")


def spends_budget(config: StudyConfig) -> bool:
    """Whether the strategy of an arm keeps to a budget."""
    strategies = [registry.load("strategies", config.strategy_of(arm)) for arm in config.arms]
    return any(one.searches and one.uses_budget for one in strategies)


def unused_settings(config: StudyConfig) -> tuple[str, ...]:
    """Settings of decisions that no strategy of the study uses; of a strategy of the user's own nothing is known."""
    names = [config.strategy_of(arm) for arm in config.arms]
    if any(registry.is_own(name) for name in names):
        return ()
    searching = [one for name in names if (one := registry.load("strategies", name)).searches]
    uses = {
        "decide_every": bool(searching),
        "decide_at": bool(searching),
        "horizon": any(one.uses_horizon for one in searching),
        "budget": any(one.uses_budget for one in searching),
        "score": bool(searching),
        "greed_check": any(one.has_probes for one in searching),
    }
    return tuple(field for field, used in uses.items() if not used)


def plan_arm(config: StudyConfig, arm: Arm, images: int = 0) -> ArmPlan:
    """What a new study's arm plans; raise ConfigError where the strategy refuses the settings, or cannot tell.

    Args:
        config: of the study.
        arm: of it.
        images: that one epoch trains; 0: nobody has counted them yet.
    """
    images = images or usual_images(config)
    strategy = new_strategy(config, arm)
    name = config.strategy_of(arm)
    if strategy.searches and not strategy.uses_horizon and config.horizon != StudyConfig().horizon:
        # of a new study alone: an older hptui accepted it, and what it trained can be resumed and replayed
        raise ConfigError(
            f"horizon = {config.horizon:g}: strategy {name!r} plans how long it trains each candidate itself; leave it "
            "out (--horizon, the variable HPTUI_HORIZON, or the file), or take one that obeys it, --strategy grid."
        )
    values = config.start_values
    outlook = Outlook(
        epoch=1,
        epochs=config.epochs,
        images_per_epoch=images,
        values=values,
        space=config.space,
        horizon=config.horizon,
    )
    length = Length(config.epochs, images, round(values["batch_size"]), config.remainder)
    try:
        plan = strategy.plan(outlook)
        _check_lengths(plan)
        cost = planned_cost(plan, length, greed_check=config.greed_check)
    except Exception as error:
        raise ConfigError(
            f"strategy {name!r} cannot plan what it tries: {type(error).__name__}: {first_line(error)}"
        ) from error
    if cost is not None and not 0 < cost < math.inf:
        raise ConfigError(f"strategy {name!r} plans a cost of {cost}.")
    return ArmPlan(length.in_whole_batches(plan), cost, images > 0)


def usual_images(config: StudyConfig) -> int:
    """Images that one epoch trains, as far as settings and the data set's file tell; 0 where they do not."""
    if config.train_size is not None:
        return config.train_size
    known = registry.constant("datasets", config.dataset, "TRAINING_IMAGES")
    return known if isinstance(known, int) and config.validation_size is None else 0


def plan_study(config: StudyConfig, images: int = 0) -> dict[Arm, ArmPlan]:
    """What every arm plans; raise ConfigError as `plan_arm` does."""
    return {arm: plan_arm(config, arm, images) for arm in config.arms}


def study_lines(config: StudyConfig, plans: Mapping[Arm, ArmPlan]) -> list[str]:
    """What a study will try, and the cost, in words: for a form and for a terminal alike."""
    lines = []
    for arm, one in plans.items():
        if one.plan != Plan():
            of_arm = plan_lines(one.plan, counted=one.counted)
            of_arm += [] if one.plan.stages else schedule_lines(config, arm)
            lines += [f"baseline, {line}" if arm == "baseline" else line for line in of_arm]
    kept = [words for arm in plans if (words := _kept_end(config, arm))] if _goes_on(config) else []
    return [*lines, *kept, cost_words(config, plans)]


def schedule_lines(config: StudyConfig, arm: Arm) -> list[str]:
    """What a schedule makes of the learning rate where nothing is decided; none where it stays as it is."""
    try:
        name, waits = _schedule_of(config, arm)
        if waits:
            return []
        factor = registry.load("schedules", name)
        ends = [float(factor(epoch / config.epochs)) for epoch in range(1, config.epochs + 1)]
    except Exception:  # of the user's own code, which is checked where it is used
        return []
    changes = [epoch for epoch, end in enumerate(ends, 1) if end != 1]
    if not changes:
        return []
    verb = "falls" if ends[-1] < 1 else "changes"
    end = f"{ends[-1]:.3g} times what it is set to" if ends[-1] else "0"
    line = f"schedule {name}: from epoch {changes[0]} on the learning rate {verb}, at the end of the run to {end}"
    searched = config.space.get("lr")
    if searched is not None and ends[-1] * searched.high < searched.low:
        line += f", below its range of {searched.low:g} to {searched.high:g}"
    return [line]


def cost_words(config: StudyConfig, plans: Mapping[Arm, ArmPlan]) -> str:
    """Words such as "cost about 4.0 plain trainings; 10 + 10 runs of 10 epochs"."""
    runs = " + ".join([str(config.runs)] * len(config.arms))
    length = f"{runs} runs of {config.epochs} epoch{'s' * (config.epochs != 1)}{_end_words(config)}"
    cost = plans["optimized"].cost
    checked = ", greed checks included" if config.greed_check and plans["optimized"].plan.stages else ""
    return f"cost {f'about {cost:.2f} plain trainings' if cost is not None else 'not known'}{checked}; {length}"


def _end_words(config: StudyConfig) -> str:
    """Words for how much longer a run may go on by itself; empty where none does."""
    most = math.floor(config.longest * config.epochs)
    return f", {most} at most while their losses fall" if _goes_on(config) and most > config.epochs else ""


def _goes_on(config: StudyConfig) -> bool:
    """Whether a run may have more epochs than were asked for, as far as its schedule allows."""
    return config.stop == "auto" and config.longest > 1


def _kept_end(config: StudyConfig, arm: Arm) -> str:
    """Words for a schedule that lets no run of this arm go on; empty where it stays the same to its end."""
    try:
        name, waits = _schedule_of(config, arm)
        factor = registry.load("schedules", name)
        same = factor(1.0) == factor(config.epochs / (config.epochs + 1))
    except Exception:  # of the user's own code, which is checked where it is used
        return ""
    whom = f"no {arm} run that races, or for which other values are chosen," if waits else f"no {arm} run"
    return "" if same else f"schedule {name} needs its end where it is: {whom} goes on"


def _schedule_of(config: StudyConfig, arm: Arm) -> tuple[str, bool]:
    """The schedule of the learning rate, and whether it waits for what is chosen."""
    if config.schedule is not None:
        return config.schedule, False
    strategy = registry.load("strategies", config.strategy_of(arm))
    return strategy.schedule, strategy.schedule_waits


def expected_seconds(config: StudyConfig, plans: Mapping[Arm, ArmPlan], speed: Speed) -> float | None:
    """Seconds that all runs of a study take on a machine of this speed; None where the cost is not known."""
    averaged = config.score_weights == "averaged"
    total = 0.0
    for one in plans.values():
        if one.cost is None:
            return None
        probes = sum(stage.candidates * len(stage.epochs) for stage in one.plan.stages)
        decisions = len(one.plan.decisions())
        evaluated = config.epochs * (2 * speed.validation_images + speed.test_images)
        evaluated += (probes * (1 + averaged) + decisions) * speed.validation_images
        total += one.cost * config.epochs * speed.images / speed.trained + evaluated / speed.evaluated
    return config.runs * total


def time_words(config: StudyConfig, plans: Mapping[Arm, ArmPlan], speed: Speed) -> str:
    """Words such as "about 12 min on this machine (cpu), measured for 1.0 s"."""
    seconds = expected_seconds(config, plans, speed)
    if seconds is None:
        return f"{speed.trained:,.0f} images/s on this machine ({speed.device}), measured for {speed.seconds:.1f} s"
    # what others beside it save, one alone cannot tell
    how = "" if config.parallel == "1" else ", one run after another,"
    return f"about {duration(seconds)}{how} on this machine ({speed.device}), measured for {speed.seconds:.1f} s"


def _check_lengths(plan: Plan) -> None:
    """Raise ValueError for a probe of no length: rounding to whole batches would hide it."""
    for stage in plan.stages:
        for one in stage.rounds:
            if not 0 < one.epochs < math.inf:
                raise ValueError(f"a probe of {one.epochs:g} epochs")
