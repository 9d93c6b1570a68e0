"""Image files that are of another kind than those of a training: the same picture comes to other values then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from hptui.datasets._image_header import ImageForm, ImageHeader
from hptui.errors import DatasetError
from hptui.record.data_summary import FileKinds

_NEARLY = 1.1
"""times the shorter side: a square is not bent so that anybody sees it"""


def kinds_of(headers: Iterable[ImageHeader]) -> FileKinds:
    """Count what files say of themselves."""
    every = list(headers)
    units = [header for header in every if header.decoder == "dicom" and header.channels == 1]
    scaled = sum(header.rescaled for header in units)
    return FileKinds(
        files=len(every),
        grey=sum(header.channels == 1 for header in every),
        transparent=sum(header.transparent for header in every),
        square=sum(_is_square(header) for header in every),
        scaled=scaled,
        unscaled=len(units) - scaled,
        modalities=sorted({header.modality for header in units} - {""}),
    )


def has_units(trained: FileKinds | None) -> bool:
    """Whether values of DICOM are in the units of some training, as far as it is known."""
    return trained is None or trained.scaled + trained.unscaled > 0


def other_kinds(trained: FileKinds | None, here: FileKinds, channels: int) -> Iterator[str]:
    """A sentence for each kind that some of these files are of, and none of those of the training.

    Args:
        trained: files that a network was trained on; None: not known, or there were none.
        here: files that it is put to.
        channels: of the images that it was trained on.
    """
    if channels == 1 and (colour := here.files - here.grey):
        yield f"{_some(colour, here)} in colour, and the network was trained on grey images: they were made grey"
    if channels == 3 and here.grey and (trained is None or trained.grey == 0):
        yield f"{_some(here.grey, here)} grey, and the network was trained on colour: they have three equal channels"
    if trained is None:
        return
    if trained.square == trained.files and (oblong := here.files - here.square):
        yield (
            f"{_some(oblong, here)} of other proportions than a square, as none was in training: they were made square "
            "by the same rule, whose effect the network has never seen"
        )
    if not has_units(trained) and (units := here.scaled + here.unscaled):
        yield f"{_some(units, here)} DICOM, as none was in training: their values may be on another scale"
    if not trained.transparent and here.transparent:
        yield (
            f"{_some(here.transparent, here)} with an alpha channel, as none was in training: what is transparent was "
            "taken as white"
        )
    if not trained.scaled and trained.unscaled and here.scaled:
        yield (
            f"{_some(here.scaled, here)} DICOM with a rescale, and those of the training had none: their values may "
            "be in another unit"
        )
    if not trained.unscaled and trained.scaled and here.unscaled:
        yield (
            f"{_some(here.unscaled, here)} DICOM without a rescale, and those of the training had one: their values "
            "are stored numbers, which may be in another unit"
        )
    if trained.modalities and (others := sorted(set(here.modalities) - set(trained.modalities))):
        yield (
            f"there are DICOM files of modality {', '.join(others)}, and the network was trained on "
            f"{', '.join(trained.modalities)}"
        )


def refuse_other_pages(path: Path, header: ImageHeader, form: ImageForm, trained: FileKinds | None) -> None:
    """Refuse what would fill the channels of pages with something else: one page as often, or its colours.

    Args:
        path: of the file, for the message.
        header: what it says of itself.
        form: that the images of the training were brought to.
        trained: files that they were of; None: not known.
    """
    if form.pages != "all" or trained is None or trained.grey not in (0, trained.files):
        return
    channels = 1 if trained.grey else 3
    if (header.pages, header.channels) != (form.channels // channels, channels):
        raise DatasetError(
            f"{path} has {_pages_words(header.pages, header.channels)}; the network was trained on all pages of "
            f"files with {_pages_words(form.channels // channels, channels)} (--pages all)."
        )


def refuse_without_pages(spec: str, here: FileKinds, channels: int, trained: FileKinds, trained_channels: int) -> None:
    """Refuse a data set whose channels are no pages, as those of the training are: one page thrice, or its colours.

    Args:
        spec: of the data set, for the message.
        here: its files.
        channels: of its images.
        trained: files that the network was trained on, all of their pages.
        trained_channels: that it takes.
    """
    colours = trained.grey == trained.files and here.grey < here.files
    if channels != trained_channels or colours:
        kind = "colour" if colours else f"{channels} page{'s' * (channels > 1)}"
        raise DatasetError(
            f"{spec} has files of {kind}; the network was trained on all pages of files, {trained_channels} channels "
            "in all (--pages all)."
        )


def _pages_words(pages: int, channels: int) -> str:
    of = "colour" if channels == 3 else "grey" if channels == 1 else f"{channels} channels"
    return f"{pages} page{'s' * (pages > 1)} of {of}"


def _is_square(header: ImageHeader) -> bool:
    sides = header.height, header.width
    return max(sides) <= _NEARLY * min(sides)


def _some(count: int, here: FileKinds) -> str:
    return f"{count:,} of {here.files:,} image files {'is' if count == 1 else 'are'}"
