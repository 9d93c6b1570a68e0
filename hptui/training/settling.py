"""What a training settles before it begins, because only data, network and machine together tell: its budget."""

from __future__ import annotations

from dataclasses import replace

from hptui.budget import is_open, measured_words, with_number
from hptui.config import StudyConfig
from hptui.headway import tell
from hptui.strategies import Strategy
from hptui.training.engine.building import StudyInputs
from hptui.training.sole import sole_in_process
from hptui.training.timing import speed_of

SECONDS = 0.5
"""of training that are measured: a tenth more or less changes little"""


@sole_in_process()
def with_budget(
    config: StudyConfig, inputs: StudyInputs, own: type[Strategy] | None = None
) -> tuple[StudyConfig, StudyInputs]:
    """The settings with a number for an open budget, and the inputs with a line that tells how it came to be.

    `own`: the strategy's class, where it has no name.
    """
    spends = own.searches and own.uses_budget and config.budget == "auto" if own is not None else is_open(config)
    if not spends:
        return config, inputs
    tell("measuring the speed")
    speed = speed_of(config, inputs, SECONDS)
    words = measured_words(config, speed)
    return with_number(config, speed), replace(inputs, warnings=(*inputs.warnings, words))
