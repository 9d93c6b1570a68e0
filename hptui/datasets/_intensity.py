"""The range of intensities of a data set: one rule, fitted on the training images alone, for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from hptui.config.intensity_rule import IntensityRule, parse_intensity
from hptui.datasets import ImageDataset, Images, Pixels
from hptui.datasets._levels import Levels, levels_of
from hptui.datasets._rows import pieces
from hptui.datasets._shifts import shift_notes
from hptui.errors import ConfigError, DatasetError
from hptui.record.intensity import Depth, Intensity

Statistic = npt.NDArray[np.float64]
OUTLIERS = "percentile:0.1:99.9"
"""what `auto` takes where few values stretch the range"""
STRETCHED = 4.0
"""times the range of all but OUTLIERS: beyond that, `auto` cuts them"""
FEW_LEVELS = 32
"""of 256: with fewer, a picture shows steps"""
_LOST = 0.99
"""share of an image's pixels beyond the range of the training images: no window for one organ loses so much"""
_NAMED = 3
"""images in a note"""


@dataclass(frozen=True)
class FittedIntensity:
    """A range, and the training images within it."""

    intensity: Intensity
    mean: Statistic
    """(C,) of the training images, brought to 0..255"""
    std: Statistic
    """(C,); 1 where a channel is constant"""
    notes: tuple[str, ...]
    """what was found and done, one line each"""


def fit_intensity(rule: str, dataset: ImageDataset) -> FittedIntensity:
    """Apply a rule to the training images.

    Args:
        rule: as in --intensity.
        dataset: checked.

    Raises:
        ConfigError: the rule says nothing about images of this depth.
        DatasetError: another split has images of another scale.
    """
    pixels = dataset.train.pixels
    depth = cast(Depth, str(pixels.dtype))
    levels = levels_of(pixels)
    parsed = parse_intensity(rule)
    name, (low, high) = _range(parsed, rule, levels)
    if not low < high:  # all training images are of one intensity, or all but a few pixels
        name, (low, high) = "minmax", (levels.lowest, levels.highest)
    if not low < high:
        high = low + 1.0
    intensity = Intensity(name, float(low), float(high), depth)
    mean, std = levels.mean_and_std(intensity)
    notes = [
        *_range_notes(rule, intensity, levels),
        *_scale_notes(dataset, intensity),
        *shift_notes(dataset),
        *_constant_notes(dataset),
    ]
    return FittedIntensity(intensity, mean, np.where(std == 0, 1.0, std), tuple(notes))


def _range(rule: IntensityRule, text: str, levels: Levels) -> tuple[str, tuple[float, float]]:
    """Name of the rule as it is applied, and its range."""
    whole = (levels.lowest, levels.highest)
    match rule.kind:
        case "auto" if levels.depth == "uint8":
            return "full", (0.0, 255.0)
        case "auto":
            most = levels.percentiles(0.1, 99.9)
            stretched = most[1] > most[0] and whole[1] - whole[0] > STRETCHED * (most[1] - most[0])
            return (OUTLIERS, most) if stretched else ("minmax", whole)
        case "minmax":
            return text, whole
        case "percentile":
            return text, levels.percentiles(rule.first, rule.second)
        case "window":
            return text, (rule.first - rule.second / 2, rule.first + rule.second / 2)
        case "voi" if levels.depth not in ("uint16", "uint8"):
            raise ConfigError("intensity voi: only DICOM files have a window of their own; choose another rule.")
        case _:
            return text, _full(levels)


def _full(levels: Levels) -> tuple[float, float]:
    if levels.depth != "float32":
        limits = np.iinfo(levels.depth)
        return float(limits.min), float(limits.max)
    if levels.lowest >= 0 and levels.highest <= 1:
        return 0.0, 1.0
    raise ConfigError(
        f"intensity: pixels of floating point, here {levels.lowest:g} to {levels.highest:g}, have no full range; "
        "write minmax, percentile:LOW:HIGH or window:CENTRE:WIDTH."
    )


def _range_notes(asked: str, intensity: Intensity, levels: Levels) -> Iterator[str]:
    """What was found, what becomes black and white, and what that leaves."""
    found = f"intensities of the training images: {levels.lowest:g} to {levels.highest:g} ({levels.depth})"
    if levels.lowest == levels.highest:
        yield f"{found}: all are of one intensity, so there is nothing to learn from"
        return
    if not intensity.untouched:
        chosen = intensity.rule if asked == intensity.rule else f"{asked}: {intensity.rule}"
        whole = (intensity.low, intensity.high) == (levels.lowest, levels.highest)
        ends = "that becomes" if whole else f"{intensity.low:g} to {intensity.high:g} become"
        yield f"{found}; {ends} black to white ({chosen})"
    if (cut := levels.share_outside(intensity)) > 0:
        yield f"{100 * cut:.2g} % of the training pixels lie outside that range and are cut"
    if (left := levels.left_of_256(intensity)) < FEW_LEVELS:
        hint = "" if intensity.rule == "minmax" or levels.count < FEW_LEVELS else "; --intensity minmax keeps more"
        yield f"the training images have {left} of 256 grey levels in that range{hint}"


def _scale_notes(dataset: ImageDataset, intensity: Intensity) -> Iterator[str]:
    """Images of the other splits of which next to nothing is left, as those of another scale.

    Raises:
        DatasetError: all of a split are so.
    """
    splits = {} if intensity.untouched else {"validation": dataset.validation, "test": dataset.test}
    for split, images in splits.items():
        if images is None:
            continue
        beyond = [outside(piece, intensity) for piece in pieces(images.pixels)]
        if not (count := sum(int(some.sum()) for some in beyond)):
            continue
        words = (
            f"nearly all of their intensities outside {intensity.low:g} to {intensity.high:g}, those of training images"
        )
        if count == len(images) and intensity.rule in ("minmax", OUTLIERS):
            raise DatasetError(f"{dataset.name}: all {split} images have {words}. Bring all splits to one scale.")
        yield f"{count} of {len(images)} {split} images have {words}"


def _constant_notes(dataset: ImageDataset) -> Iterator[str]:
    splits = {"training": dataset.train, "validation": dataset.validation, "test": dataset.test}
    for split, images in splits.items():
        if images is not None and len(constant := _constant(images)):
            named = [str(index) if images.names is None else str(images.names[index]) for index in constant[:_NAMED]]
            dots = ", ..." if len(constant) > _NAMED else ""
            yield (
                f"{len(constant)} of {len(images)} {split} images are of one intensity throughout "
                f"({'' if images.names is not None else 'number '}{', '.join(named)}{dots})"
            )


def _constant(images: Images) -> npt.NDArray[np.int64]:
    """Indices of images whose pixels are all the same."""
    flat = (piece.reshape(len(piece), -1) for piece in pieces(images.pixels))
    return np.flatnonzero(np.concatenate([piece.min(1) == piece.max(1) for piece in flat]))


def outside(pixels: Pixels, intensity: Intensity) -> npt.NDArray[np.bool_]:
    """(N,) whether nearly all of an image lies beyond the range, so that nothing of it would be left."""
    flat = pixels.reshape(len(pixels), -1)
    beyond: npt.NDArray[np.bool_] = ((flat < intensity.low) | (flat > intensity.high)).mean(1) >= _LOST
    return beyond
