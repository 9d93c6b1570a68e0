"""What was read for a study: images of each class and split, how large and how bright, and what was noticed."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hptui.record.class_counts import Count

_MOST_GIVEN = 3
"""of classes whose counts stand in a short line"""


class SplitSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """Images of one split."""

    images: list[Count]
    """of each class"""
    groups: Count | None = None
    """whom they are of; null: not known"""


class DataSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """A data set as it was read and split."""

    name: str
    class_names: list[str]
    splits: dict[str, SplitSummary]
    """train, validation and test"""
    channels: Count
    height: Count
    width: Count
    depth: str
    """how a value is stored: uint8, uint16, int16, float32"""
    lowest: float
    highest: float
    """intensities of the training images"""
    mean: float
    deviation: float
    """mean and standard deviation of a sample of them"""
    levels: Count
    """different intensities in the sample"""
    repeated: Count = 0
    """training images that another one equals"""
    contradictory: Count = 0
    """of these, how many are of another class than the one that they equal"""
    notes: Annotated[list[str], Meta(max_length=1000)] = []
    """what was left out and why, splits that were made, images in two splits, names that look like groups"""
    files: Annotated[str, Meta(max_length=1000)] = ""
    """number, sizes, depths and colours of the image files; empty: there were none, or an older hptui"""

    def __post_init__(self) -> None:
        if any(len(split.images) != len(self.class_names) for split in self.splits.values()):
            raise ValueError("its counts are not of its classes")


def summary_lines(summary: DataSummary) -> list[str]:
    """The whole in a few lines: what it is, each split, and what was noticed."""
    lines = [overview_words(summary), *([files_words(summary)] if summary.files else [])]
    lines += [f"{name}: {_split_words(split, summary.class_names)}" for name, split in summary.splits.items()]
    return lines + [f"note: {line}" for line in noticed(summary)]


def overview_words(summary: DataSummary) -> str:
    """How many images there are, how large, and how bright."""
    colour = {1: "grey", 3: "RGB"}.get(summary.channels, f"{summary.channels} channels")
    total = sum(sum(split.images) for split in summary.splits.values())
    return (
        f"data {summary.name}: {total:,} images of {summary.height} x {summary.width}, {colour}, {summary.depth}, "
        f"intensities {summary.lowest:g} to {summary.highest:g} (mean {summary.mean:.4g}, sd {summary.deviation:.4g}, "
        f"{summary.levels:,} levels)"
    )


def files_words(summary: DataSummary) -> str:
    """What the image files are."""
    return f"image files: {summary.files}"


def noticed(summary: DataSummary) -> list[str]:
    """What whoever trains on it should know, a line each."""
    lines = list(summary.notes)
    if summary.repeated:
        other = f", {summary.contradictory:,} of them of another class" if summary.contradictory else ""
        lines.append(f"{summary.repeated:,} training images equal another one{other}")
    return lines


def count_rows(summary: DataSummary) -> list[tuple[str, list[int]]]:
    """Images of each class in every split; then all of them."""
    splits = summary.splits.values()
    rows = [(name, [split.images[index] for split in splits]) for index, name in enumerate(summary.class_names)]
    return [*rows, ("all", [sum(split.images) for split in splits])]


def _split_words(split: SplitSummary, class_names: list[str]) -> str:
    if len(class_names) > _MOST_GIVEN:
        counts = f"{len(class_names)} classes, {min(split.images):,} to {max(split.images):,} of each"
    else:
        counts = ", ".join(f"{name} {count:,}" for name, count in zip(class_names, split.images, strict=True))
    groups = f", of {split.groups:,} groups" if split.groups is not None else ""
    return f"{sum(split.images):,} images ({counts}){groups}"
