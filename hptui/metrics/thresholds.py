"""The operating threshold of a network with two classes: from which probability on an image is called positive."""

from __future__ import annotations

from collections.abc import Sequence

from hptui.errors import ConfigError
from hptui.record.predictions import Predictions

FEW_TO_CHOOSE = 20
"""images of a class: of fewer, the one or two lowest (or highest) set the threshold for a sensitivity of 0.95 alone"""


def choose_threshold(validation: Predictions, wanted: str) -> float:
    """The operating threshold that reaches what is wanted on validation images (never on test images).

    Args:
        validation: predictions of a network with two classes.
        wanted: "sensitivity=0.95": the largest threshold with at least that sensitivity; "specificity=0.9": the
            smallest with at least that specificity. An image is called positive from the threshold on.

    Raises:
        ConfigError: not of this form, not two classes, no images of the class, or probabilities that are no numbers.
    """
    import numpy as np

    name, share = _parse_wanted(wanted)
    if validation.task == "multi-label":
        raise ConfigError("a threshold is chosen for two classes; in this study an image may have several labels.")
    if validation.classes != 2:
        raise ConfigError(f"a threshold needs two classes; this study has {validation.classes}.")
    label = 1 if name == "sensitivity" else 0
    scores = np.sort(validation.probabilities[validation.labels == label, 1])
    if not len(scores):
        raise ConfigError(f"no threshold for {wanted}: no validation image is of class {label}.")
    if not np.isfinite(scores).all():
        raise ConfigError(f"no threshold for {wanted}: the network has diverged, its probabilities are no numbers.")
    needed = int(np.argmax(np.arange(1, len(scores) + 1) / len(scores) >= share)) + 1
    if name == "sensitivity":
        return float(scores[-needed])
    return float(np.nextafter(scores[needed - 1], np.float32(np.inf)))  # the next number above what is to be negative


def few_to_choose(support: Sequence[int], names: Sequence[str], wanted: str, unit: str = "images") -> str:
    """A sentence where a threshold is set by so few that it may reach something else elsewhere; empty where it is not.

    Args:
        support: validation images, or groups, of each class.
        names: of the classes.
        wanted: as `choose_threshold` takes it.
        unit: what is counted.
    """
    label = 1 if _parse_wanted(wanted)[0] == "sensitivity" else 0
    if len(support) != 2 or support[label] >= FEW_TO_CHOOSE:
        return ""
    count = support[label]
    one = unit.removesuffix("s") if count == 1 else unit
    return (
        f"The threshold for {wanted} rests on {count} validation {one} of {names[label]}: with fewer than "
        f"{FEW_TO_CHOOSE} it may reach something else on others."
    )


def _parse_wanted(wanted: str) -> tuple[str, float]:
    name, _, text = wanted.partition("=")
    form = f"threshold for {wanted!r}: write sensitivity=0.95 or specificity=0.9."
    if name not in ("sensitivity", "specificity"):
        raise ConfigError(form)
    try:
        share = float(text)
    except ValueError:
        raise ConfigError(form) from None
    if not 0 < share <= 1:
        raise ConfigError(f"threshold for {wanted!r}: {text} is not a share above 0 and up to 1.")
    return name, share
