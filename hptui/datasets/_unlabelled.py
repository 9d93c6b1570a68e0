"""Images without labels for a trained network: read as those of its training were, and held against them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hptui.datasets import Pixels
from hptui.datasets._arrays import read_image_arrays
from hptui.datasets._decode import read_header, read_pixels, refuse_depth
from hptui.datasets._image_files import LeftOut, images_below
from hptui.datasets._image_header import ImageForm, ImageHeader
from hptui.datasets._intensity import outside
from hptui.datasets._joining import refuse_without_window
from hptui.datasets._kinds import has_units, kinds_of, other_kinds, refuse_other_pages
from hptui.datasets._no_classes import without_masks
from hptui.datasets._shifts import Brightness
from hptui.errors import DatasetError, UsageError
from hptui.record.data_summary import FileKinds
from hptui.record.intensity import Intensity
from hptui.record.study_folders import shown

_ARCHIVE = ".npz"
"""suffix of files with arrays of images"""
_AT_ONCE = 200
"""images decoded before they are put to the network: 20 MB at 224 x 224 in colour"""


@dataclass(frozen=True)
class ImageBatch:
    """Images of one shape, with what each is called."""

    names: Sequence[str]
    pixels: Pixels
    """(N, C, H, W)"""


@dataclass
class UnlabelledImages:
    """Images of files and archives, batch by batch, and an account of those that the network cannot be put to."""

    paths: Sequence[Path]
    form: ImageForm
    """that image files are brought to, and that arrays have to have"""
    intensity: Intensity
    """range of the training images"""
    report_line: Callable[[str], object]
    """called with one line for each file that is left out, and for what is other than in training"""
    trained_on: FileKinds | None = None
    """what the image files of the training were; None: not known"""
    brightness: Brightness | None = None
    """of the training images, with that of the usable ones so far; None: not known"""
    left_out: int = 0
    """files and images so far"""
    _headers: list[ImageHeader] = field(default_factory=list)
    """of the image files that could be read so far"""

    def batches(self) -> Iterator[ImageBatch]:
        """Batches of images of which the network sees something; then lines on how their files are others."""
        for batch in filter(lambda batch: batch.names, map(self._within_range, self._readable())):
            if self.brightness is not None:
                self.brightness.add(batch.pixels)
            yield batch
        for line in other_kinds(self.trained_on, kinds_of(self._headers), self.form.channels):
            self.report_line(f"{line}.")
        if self.brightness is not None:
            for line in self.brightness.notes():
                self.report_line(line)

    def leave_out(self, error: DatasetError) -> None:
        """Count and name something that no answer is given on."""
        self.left_out += 1
        self.report_line(f"left out: {error}")

    def _readable(self) -> Iterator[ImageBatch]:
        files: list[Path] = []
        for path in self.paths:
            if path.suffix.lower() == _ARCHIVE:
                yield from self._files(files)
                files = []
                yield from self._archive(path)
            else:
                files.append(path)
        yield from self._files(files)

    def _files(self, paths: Sequence[Path]) -> Iterator[ImageBatch]:
        with ThreadPoolExecutor() as pool:  # decoding releases the interpreter lock
            for begin in range(0, len(paths), _AT_ONCE):
                some = paths[begin : begin + _AT_ONCE]
                names, kept = [], []
                for path, decoded in zip(some, pool.map(self._decode, some), strict=True):
                    if isinstance(decoded, DatasetError):
                        self.leave_out(decoded)
                    else:
                        header, pixels = decoded
                        names.append(shown(path))
                        kept.append(pixels)
                        self._headers.append(header)
                if kept:
                    yield ImageBatch(names, np.stack(kept))

    def _decode(self, path: Path) -> tuple[ImageHeader, Pixels] | DatasetError:
        if not path.exists():
            return DatasetError(f"there is no file {path}.")
        try:
            header = read_header(path, own_window=self.form.own_window)
            if self.form.own_window:
                refuse_without_window([path], [header])
            units = has_units(self.trained_on)
            refuse_depth(path, header, self.form.depth, "the network was trained on", units=units)
            refuse_other_pages(path, header, self.form, self.trained_on)
            return header, read_pixels(path, header, self.form)
        except DatasetError as error:
            return error

    def _archive(self, path: Path) -> Iterator[ImageBatch]:
        try:
            arrays = read_image_arrays(path)
            for key, pixels in arrays.items():
                self._refuse_other(f"{path}: {key}", pixels)
        except DatasetError as error:
            self.leave_out(error)
            return
        for key, pixels in arrays.items():
            if not len(pixels):
                self.leave_out(DatasetError(f"{path}: {key} holds no images."))
            for begin in range(0, len(pixels), _AT_ONCE):
                some = pixels[begin : begin + _AT_ONCE]
                yield ImageBatch([f"{shown(path)}:{key}[{begin + index}]" for index in range(len(some))], some)

    def _refuse_other(self, what: str, pixels: Pixels) -> None:
        """Refuse an array of another shape or depth: nothing says how it would be brought to the network's."""
        shape = (self.form.channels, self.form.height, self.form.width)
        if pixels.shape[1:] != shape:
            has, takes = ("x".join(map(str, one)) for one in (pixels.shape[1:], shape))
            raise DatasetError(f"{what} has images of {has}; the network takes {takes}.")
        if pixels.dtype != self.form.depth:
            raise DatasetError(f"{what} holds {pixels.dtype}; the network was trained on {self.form.depth}.")

    def _within_range(self, batch: ImageBatch) -> ImageBatch:
        """The images of which something is left by the range of intensities that the network was trained on."""
        intensity = self.intensity
        beyond = outside(batch.pixels, intensity)
        for index in np.flatnonzero(beyond).tolist():
            name, pixels = batch.names[index], batch.pixels[index]
            self.leave_out(
                DatasetError(
                    f"{name} has intensities {pixels.min():g} to {pixels.max():g}, nearly all outside "
                    f"{intensity.low:g} to {intensity.high:g}, which the network was trained on ({intensity.rule})."
                )
            )
        names = [name for name, left in zip(batch.names, beyond, strict=True) if not left]
        return ImageBatch(names, batch.pixels[~beyond])


def image_files(named: Sequence[Path], report_line: Callable[[str], object]) -> list[Path]:
    """Files that are named; of a folder those that training would take of it, sorted, with a line on what is left out.

    Raises:
        UsageError: a folder has none, or cannot be listed.
    """
    files: list[Path] = []
    for path in named:
        if not path.is_dir():
            files.append(path)
            continue
        left_out = LeftOut(path)
        try:
            inside = without_masks(images_below(path, left_out, _ARCHIVE), left_out)
        except DatasetError as error:
            raise UsageError(str(error)) from error
        if not inside:
            raise UsageError(f"{path} holds no image files{left_out.unreadable(path)}.")
        for note in left_out.notes:
            report_line(f"{path}: {shown(note)}")
        files += inside
    return files


def each_once(files: Sequence[Path], report_line: Callable[[str], object]) -> list[Path]:
    """Files without those that come again: they would count twice in the mean of their group."""
    different: dict[Path, Path] = {}
    for path in files:
        different.setdefault(path.resolve(), path)
    if repeated := len(files) - len(different):
        report_line(f"named more than once, and taken once: {repeated} of {len(files)} files.")
    return list(different.values())
