"""What the user asked for: defaults < file < environment (HPTUI_*) < flags, each value with where it came from.

Nothing here imports torch: a configuration is checked in a blink, also on a laptop.
"""

from hptui.config.layers import (
    Layer,
    Resolved,
    check,
    environment_layer,
    file_layer,
    from_plain,
    misspelt,
    resolve,
    to_plain,
)
from hptui.config.study import (
    ARMS,
    AUTO,
    DATA,
    FIELDS,
    FOLDERS,
    LOCAL,
    PAIRS,
    PLUG_INS,
    SWITCH,
    SYNONYMS,
    Arm,
    StudyConfig,
    choices,
    description,
    is_switch,
    own_form,
    plug_in_forms,
    takes_path,
)
from hptui.config.values import convert_field, parse_interval

__all__ = [
    "ARMS",
    "AUTO",
    "DATA",
    "FIELDS",
    "FOLDERS",
    "LOCAL",
    "PAIRS",
    "PLUG_INS",
    "SWITCH",
    "SYNONYMS",
    "Arm",
    "Layer",
    "Resolved",
    "StudyConfig",
    "check",
    "choices",
    "convert_field",
    "description",
    "environment_layer",
    "file_layer",
    "from_plain",
    "is_switch",
    "misspelt",
    "own_form",
    "parse_interval",
    "plug_in_forms",
    "resolve",
    "takes_path",
    "to_plain",
]
