"""The images that a network gets most wrong: those called by another class, the surest first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import msgspec

from hptui.metrics.calls import predicted_classes
from hptui.metrics.several_labels import labels_alone
from hptui.metrics.wrong import most_wrong_images
from hptui.record.predictions import Predictions

HEADINGS = ("image", "true class", "predicted class", "probability %", "of the true class %")


class WrongImage(msgspec.Struct, frozen=True):
    """One image that was called by another class than its own."""

    index: int
    """in the split's own order"""
    name: str
    """as the data set calls it, else its number"""
    group: str
    """whose it is; empty: not known"""
    true: str
    predicted: str
    probability: float
    """of the class that it was called by"""
    probability_of_true: float


def most_wrong(
    predictions: Predictions, class_names: Sequence[str], most: int, threshold: float | None = None
) -> list[WrongImage]:
    """At most so many images, by falling probability of the class that they were wrongly called by.

    An image that may have several labels is there for each that is wrong of it: called with, or without, by mistake.
    """
    if predictions.task == "multi-label":
        alone = enumerate(labels_alone(predictions))
        wrong_of = (most_wrong(one, (f"not {class_names[i]}", class_names[i]), most, threshold) for i, one in alone)
        return sorted(chain.from_iterable(wrong_of), key=lambda one: -one.probability)[:most]
    called = predicted_classes(predictions, threshold)
    names, groups = predictions.names, predictions.groups
    return [
        WrongImage(
            index=index,
            name=str(names[index]) if names is not None else f"#{index}",
            group=str(groups[index]) if groups is not None else "",
            true=class_names[predictions.labels[index]],
            predicted=class_names[called[index]],
            probability=float(predictions.probabilities[index, called[index]]),
            probability_of_true=float(predictions.probabilities[index, predictions.labels[index]]),
        )
        for index in most_wrong_images(predictions, most, threshold).tolist()
    ]


def wrong_cells(wrong: WrongImage) -> tuple[str, ...]:
    """One image as a row under HEADINGS."""
    whose = f" ({wrong.group})" if wrong.group else ""
    shares = (f"{100 * share:.1f}" for share in (wrong.probability, wrong.probability_of_true))
    return f"{wrong.name}{whose}", wrong.true, wrong.predicted, *shares
