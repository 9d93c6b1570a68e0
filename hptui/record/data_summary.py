"""What was read for a study: images of each class and split, how large and how bright, and what was noticed."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hptui.record.class_counts import Count
from hptui.record.task import Task

_MOST_GIVEN = 3
"""of classes whose counts stand in a short line"""


class SplitSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """Images of one split."""

    images: list[Count]
    """of each class, or with each label"""
    groups: Count | None = None
    """whom they are of; null: not known"""
    total: Count | None = None
    """all of them, where an image may have several labels, or none; null: each is of one class"""
    unlabelled: Count = 0
    """of these, how many have no label at all"""

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.images) if self.total is None else self.total


class FileKinds(msgspec.Struct, frozen=True, omit_defaults=True):
    """Numbers of the image files that were read, and of those of a kind that changes what their values mean."""

    files: Count
    grey: Count = 0
    transparent: Count = 0
    """with an alpha channel"""
    square: Count = 0
    """as high as wide, or nearly"""
    scaled: Count = 0
    """grey DICOM that says how stored numbers become units"""
    unscaled: Count = 0
    """grey DICOM that does not"""
    modalities: Annotated[list[str], Meta(max_length=100)] = []
    """of grey DICOM, where it says so"""


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
    task: Task = "single-label"
    """whether an image is of one class, or has any number of labels"""
    kinds: FileKinds | None = None
    """of the image files; null: there were none, or an older hptui"""

    def __post_init__(self) -> None:
        if any(len(split.images) != len(self.class_names) for split in self.splits.values()):
            raise ValueError("its counts are not of its classes")


def summary_lines(summary: DataSummary) -> list[str]:
    """The whole in a few lines: what it is, each split, and what was noticed."""
    lines = [overview_words(summary), *([files_words(summary)] if summary.files else [])]
    lines += [f"{name}: {_split_words(split, summary)}" for name, split in summary.splits.items()]
    return lines + [f"note: {line}" for line in noticed(summary)]


def overview_words(summary: DataSummary) -> str:
    """How many images there are, how large, and how bright."""
    colour = {1: "grey", 3: "RGB"}.get(summary.channels, f"{summary.channels} channels")
    total = sum(split.count for split in summary.splits.values())
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
        what = "of another class" if summary.task == "single-label" else "with other labels"
        other = f", {summary.contradictory:,} of them {what}" if summary.contradictory else ""
        lines.append(f"{summary.repeated:,} training images equal another one{other}")
    return lines


def class_word(summary: DataSummary) -> str:
    """What a column of its names is headed with."""
    return "class" if summary.task == "single-label" else "label"


def count_rows(summary: DataSummary) -> list[tuple[str, list[int]]]:
    """Images of each class, or with each label, in every split; then those without any, all of them."""
    splits = summary.splits.values()
    rows = [(name, [split.images[index] for split in splits]) for index, name in enumerate(summary.class_names)]
    if summary.task == "multi-label":
        rows.append(("without any", [split.unlabelled for split in splits]))
    return [*rows, ("all", [split.count for split in splits])]


def _split_words(split: SplitSummary, summary: DataSummary) -> str:
    names, several = summary.class_names, summary.task == "multi-label"
    if len(names) > _MOST_GIVEN:
        kinds, each = ("labels", "images with each") if several else ("classes", "of each")
        counts = f"{len(names)} {kinds}, {min(split.images):,} to {max(split.images):,} {each}"
    else:
        counts = ", ".join(f"{name} {count:,}" for name, count in zip(names, split.images, strict=True))
    counts += f", {split.unlabelled:,} without any" if several else ""
    groups = f", of {split.groups:,} groups" if split.groups is not None else ""
    return f"{split.count:,} images ({counts}){groups}"
