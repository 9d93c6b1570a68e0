"""Whether the share of the rate for pretrained weights is one: known only once network and file are there."""

from __future__ import annotations

import msgspec

from hptui.config import StudyConfig
from hptui.hyperparameters import hyperparameter
from hptui.hyperparameters.lr import PRETRAINED
from hptui.space import parse_range
from hptui.training.engine.building import StudyInputs, new_state

NAME = "backbone_lr"
NO_BACKBONE = (
    "backbone_lr is not searched: of what is trained, all or nothing is pretrained, and nothing has a share of the rate"
)


def with_real_ranges(config: StudyConfig, inputs: StudyInputs) -> StudyConfig:
    """The settings without the range of `backbone_lr` that hptui suggests, where it says nothing in this network.

    With all that is trained pretrained the share is the rate itself; with nothing of it there is no share. A range
    that somebody named otherwise stays, and is refused where it cannot be put in force.
    """
    suggested = str(parse_range(NAME, hyperparameter(NAME).suggested))
    if config.search.get(NAME) != suggested or len(config.search) == 1:
        return config
    groups = new_state(inputs, config, config.seed).optimizer.param_groups
    if len({bool(group.get(PRETRAINED)) for group in groups}) > 1:
        return config
    kept = {name: text for name, text in config.search.items() if name != NAME}
    return msgspec.structs.replace(config, search=kept)
