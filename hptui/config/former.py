"""What settings of an earlier hptui are called now: it had as strategies what schedules and optimizers are."""

from __future__ import annotations

import msgspec

from hptui import registry
from hptui.config.study import PLUG_INS, Arm, StudyConfig

OWN_RATE = ("prodigy",)
"""strategies that began with a rate of their own, whatever was set"""


def former_strategy(config: StudyConfig, arm: Arm) -> str | None:
    """The field that takes now what was the strategy of this arm; None: it is a strategy still, or unknown."""
    name = config.strategy_of(arm)
    if registry.is_own(name) or registry.is_known("strategies", name):
        return None
    return next((field for field in ("schedule", "optimizer") if registry.is_known(PLUG_INS[field], name)), None)


def as_of_today(config: StudyConfig, arm: Arm) -> StudyConfig:
    """Settings that train this arm as it was trained; what they set for it holds for the other arm too."""
    field, name = former_strategy(config, arm), config.strategy_of(arm)
    if field is None:
        return config
    kept = {key: value for key, value in config.set.items() if name not in OWN_RATE or key != "lr"}
    chooser = "strategy" if arm == "optimized" else "baseline"
    return msgspec.structs.replace(config, **{chooser: "fixed", field: name, "set": kept})
