"""A completed run's network put to a labelled data set that is not its own, read by the rules of its study."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from hptui.config import StudyConfig
from hptui.datasets import ImageDataset, Images, Pixels
from hptui.datasets._intensity import outside
from hptui.datasets._kinds import has_units, other_kinds, refuse_without_pages
from hptui.datasets._reading import read_dataset
from hptui.datasets._relabelled import relabelled
from hptui.datasets._rows import PixelRows, joined, pieces
from hptui.datasets._shifts import are_others, other_intensities
from hptui.datasets._summary import repeated_images, sampled_intensities
from hptui.errors import DatasetError
from hptui.record.data_summary import DataSummary
from hptui.record.intensity import Depth, Intensity
from hptui.record.predictions import Predictions
from hptui.record.study_directory import Study
from hptui.training.predicting import Predictor
from hptui.training.trained_on import is_own, trained_on_notes

AT_ONCE = 500
"""images put to the network at once"""
LUMA = (0.299, 0.587, 0.114)
"""shares of red, green and blue in grey (ITU-R BT.601, as Pillow has it)"""


@dataclass(frozen=True)
class ExternalImages:
    """All images of a data set, whatever its splits, with labels in the order of the network's classes."""

    name: str
    images: Images
    notes: tuple[str, ...]


def read_external(
    spec: str,
    config: StudyConfig,
    predictor: Predictor,
    study: Study,
    run: StudyConfig | None = None,
    own: StudyConfig | None = None,
) -> ExternalImages:
    """Read a data set as the run's study reads its own.

    Args:
        spec: as --dataset.
        config: of the study, with what is wished otherwise for this data set.
        predictor: whose classes, channels and size the images have to have.
        study: whose images the network was trained on.
        run: settings whose columns and pattern of groups are taken where they fit these images.
        own: settings of the study with the paths of this machine, by which its own images are found here.

    Raises:
        ConfigError: there is no such data set.
        DatasetError: it cannot be read, has other classes, or is what the study was trained on.
    """
    channels, height, width = predictor.image_shape
    side = config.image_size or (height if height == width else None)
    config = msgspec.structs.replace(config, dataset=spec, image_size=side)
    trained_kinds = study.data.kinds if study.data is not None else None
    dataset = _read(config, predictor.intensity.dtype, run, units=has_units(trained_kinds))
    if is_own(dataset, config, study.fingerprint, run):
        raise DatasetError(
            f"{spec} holds the images that this run was trained on, so they say nothing about others; name another "
            "data set (hptui compare and hptui report have the run's own test images)."
        )
    splits = [images for images in (dataset.train, dataset.validation, dataset.test) if images is not None]
    labels = relabelled(spec, dataset, predictor.class_names, predictor.task)
    pixels = joined([images.pixels for images in splits])
    _refuse_other_depth(spec, pixels, predictor.intensity.dtype)
    trained_on = trained_on_notes(dataset, own, study.fingerprint) if own is not None else ()
    notes = [*trained_on, *dataset.notes]
    if dataset.kinds is not None:
        notes += other_kinds(trained_kinds, dataset.kinds, channels)
    if config.pages == "all" and trained_kinds is not None and dataset.kinds is not None:
        refuse_without_pages(spec, dataset.kinds, pixels.shape[1], trained_kinds, channels)
    if pixels.shape[1] != channels:
        pixels = _with_channels(spec, np.asarray(pixels), channels)
        if dataset.kinds is None:
            made = "grey" if channels == 1 else "colour"
            notes.append(f"images of {spec} were made {made} ones, as the network takes.")
    _refuse_other_size(spec, pixels, height, width)
    notes += _range_notes(spec, pixels, predictor.intensity) or _other_intensities(pixels, study.data)
    notes.append(f"all {len(pixels)} images count, whatever their split.")
    images = Images(pixels, labels, _joined(splits, "groups"), _joined(splits, "names"))
    notes += [*_group_notes(images, run), *_repeated_notes(images)]
    return ExternalImages(dataset.name, images, tuple(notes))


def _refuse_other_depth(spec: str, pixels: Pixels | PixelRows, depth: Depth) -> None:
    if pixels.dtype != depth:
        raise DatasetError(
            f"{spec} has pixels of {pixels.dtype}; the network was trained on {depth}, whose range of intensities says "
            "nothing about them. Name images of the same depth."
        )


def _refuse_other_size(spec: str, pixels: Pixels | PixelRows, height: int, width: int) -> None:
    if pixels.shape[2:] != (height, width):
        has = "x".join(map(str, pixels.shape[2:]))
        raise DatasetError(f"{spec} has images of {has}; the network takes {height}x{width}.")


def _group_notes(images: Images, run: StudyConfig | None) -> Iterator[str]:
    """A line where the run's own images have groups by a column, and these have none."""
    if images.groups is None and run is not None and "group" in run.columns:
        yield (
            f"the run has groups by its column {run.columns['group']!r}, and these images have none: they count one by "
            "one (--group-column or --group-pattern says whom they are of)."
        )


def _repeated_notes(images: Images) -> Iterator[str]:
    repeated, contradictory = repeated_images(images)
    if repeated:
        other = f", {contradictory:,} of them with another label" if contradictory else ""
        yield f"{repeated:,} of {len(images):,} images equal another one{other}: each counts every time."


def _range_notes(spec: str, pixels: Pixels | PixelRows, intensity: Intensity) -> list[str]:
    """Images of which the range of the training leaves next to nothing, if there are some.

    Raises:
        DatasetError: all are so, as those of another scale.
    """
    beyond = np.concatenate([outside(part, intensity) for part in pieces(pixels)])
    trained = f"outside {intensity.low:g} to {intensity.high:g}, which the network was trained on ({intensity.rule})"
    if beyond.all():
        low, high = min(part.min() for part in pieces(pixels)), max(part.max() for part in pieces(pixels))
        raise DatasetError(
            f"{spec} has intensities {low:g} to {high:g}, in every image nearly all {trained}. "
            "Bring them to the scale of the training images."
        )
    count = int(beyond.sum())
    return [f"{count} of {len(pixels)} images have nearly all of their intensities {trained}."] if count else []


def external_answers(predictor: Predictor, images: Images) -> Predictions:
    """The network's answers on all images."""
    begins = range(0, len(images), AT_ONCE)
    shares = np.concatenate([predictor.predict(images.pixels[begin : begin + AT_ONCE]) for begin in begins])
    return Predictions(images.labels, shares, images.groups, images.names)


def _read(config: StudyConfig, depth: Depth, run: StudyConfig | None, *, units: bool) -> ImageDataset:
    """The data set, read as a study with these settings would, so that its own images are drawn as they were.

    One that a study would refuse, for images or groups in two splits, is taken: all splits are joined, and none can
    leak into another.
    """
    try:
        return read_dataset(config, trained_depth=depth, trained_units=units, run=run)
    except DatasetError:
        config = msgspec.structs.replace(config, allow_overlap=True)
        return read_dataset(config, trained_depth=depth, trained_units=units, run=run)


def _with_channels(spec: str, pixels: Pixels, channels: int) -> Pixels:
    """Grey images of (N, 3, H, W), or three equal channels of (N, 1, H, W)."""
    if (pixels.shape[1], channels) == (1, 3):
        return np.repeat(pixels, 3, axis=1)
    if (pixels.shape[1], channels) == (3, 1):
        grey = np.tensordot(pixels, np.asarray(LUMA), axes=(1, 0))[:, None]
        return (np.rint(grey) if pixels.dtype.kind in "iu" else grey).astype(pixels.dtype)
    raise DatasetError(f"{spec} has images of {pixels.shape[1]} channels; the network takes {channels}.")


def _other_intensities(pixels: Pixels | PixelRows, trained: DataSummary | None) -> list[str]:
    """A sentence where these images are much brighter, darker, flatter or richer in contrast than those of training."""
    if trained is None:
        return []
    mean, deviation = sampled_intensities(pixels)
    if not are_others(mean, deviation, trained.mean, trained.deviation):
        return []
    return [other_intensities(mean, deviation, trained.mean, trained.deviation)]


def _joined(splits: list[Images], what: str) -> Any:
    """Groups or names of all splits; None unless all have them."""
    each = [getattr(images, what) for images in splits]
    return np.concatenate(each) if all(one is not None for one in each) else None
