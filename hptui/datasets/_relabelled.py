"""Labels of a data set in the order of the classes that a network was trained on."""

from __future__ import annotations

import numpy as np

from hptui.datasets import ImageDataset, Labels
from hptui.errors import DatasetError, nearest
from hptui.record.task import Task


def relabelled(spec: str, dataset: ImageDataset, class_names: tuple[str, ...], task: Task) -> Labels:
    """Labels of all splits as a network has them.

    Args:
        spec: of the data set, for messages.
        dataset: whose classes, or labels, are found by name.
        class_names: in the order of the network.
        task: that it was trained for.

    Raises:
        DatasetError: it has a class that the network does not know, lacks one of several labels, or has another task.
    """
    if (dataset.task, task) == ("single-label", "multi-label") and set(dataset.class_names) == set(class_names):
        return np.eye(len(class_names), dtype=np.int64)[_classes(dataset, class_names)]  # each happens to have one
    if dataset.task != task:
        has = "one class for each image" if dataset.task == "single-label" else "any number of labels for each image"
        took = "several labels per image" if task == "multi-label" else "one class per image"
        raise DatasetError(f"{spec} has {has}; this run was trained on {took}.")
    for name in dataset.class_names:
        if name not in class_names:
            raise DatasetError(
                f"{spec} has a class {name!r}, which this run does not know.{nearest(name, class_names)}"
            )
    if task != "multi-label":
        return _classes(dataset, class_names)
    place = _places(dataset, class_names)
    every = _every_label(dataset)
    if lacking := [name for name in class_names if name not in dataset.class_names]:
        raise DatasetError(f"{spec} says nothing of the label {lacking[0]!r}, which this run's network tells of.")
    labels = np.zeros((len(every), len(class_names)), np.int64)
    labels[:, place] = every
    return labels


def _classes(dataset: ImageDataset, class_names: tuple[str, ...]) -> Labels:
    """Classes of all splits, as the network numbers them."""
    classes: Labels = _places(dataset, class_names)[_every_label(dataset)]
    return classes


def _places(dataset: ImageDataset, class_names: tuple[str, ...]) -> Labels:
    return np.array([class_names.index(name) for name in dataset.class_names], np.int64)


def _every_label(dataset: ImageDataset) -> Labels:
    splits = [images for images in (dataset.train, dataset.validation, dataset.test) if images is not None]
    return np.concatenate([images.labels for images in splits])
