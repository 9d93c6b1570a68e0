"""`hptui predict RUN IMAGES...`: class, or labels, and probabilities of images, as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from hptui.cli.answer_cells import answer_cells, answer_headings
from hptui.cli.grouping import Grouping
from hptui.cli.trusting import allowed_code
from hptui.errors import DatasetError, RunDirectoryError, UsageError
from hptui.export.csv_lines import csv_lines
from hptui.metrics.groups import is_grouped, of_groups
from hptui.metrics.thresholds import choose_threshold
from hptui.record.localizing import localized_model
from hptui.record.predictions import Model, read_predictions
from hptui.record.run_directory import BEST_FILE, MODEL_FILE, read_run_file
from hptui.record.study_directory import Study, open_study
from hptui.record.study_folders import shown
from hptui.record.task import Task

if TYPE_CHECKING:
    from hptui.datasets import Pixels
    from hptui.datasets._image_header import ImageForm, ImageHeader
    from hptui.datasets._shifts import Brightness
    from hptui.record.data_summary import FileKinds
    from hptui.training.predicting import Predictor

FILES: dict[Model, str] = {"final": MODEL_FILE, "best": BEST_FILE}
PREDICTED = tuple(
    ",".join([first, *answer_headings(task), then])
    for first in ("file", "group,images")
    for task in get_args(Task)
    for then in ("threshold,", "p(")
)
"""how its tables begin"""
ARCHIVE = ".npz"
"""suffix of files with arrays of images"""
AT_ONCE = 200
"""images decoded before they are put to the network: 20 MB at 224 x 224 in colour"""


@dataclass(frozen=True)
class ImageBatch:
    """Batch of images of one shape, with what each is called in the table."""

    names: Sequence[str]
    pixels: Pixels
    """(N, C, H, W)"""


@dataclass
class PredictionTable:
    """Table of the predictions for all images, row by row."""

    predictor: Predictor
    threshold: float | None
    """on the probability of the second of two classes"""
    images: Sequence[Path]
    report_line: Callable[[str], object]
    form: ImageForm
    """that image files are brought to"""
    trained_on: FileKinds | None = None
    """what the image files of the training were; None: not known"""
    unreadable: int = 0
    """files that were left out so far"""
    grouping: Grouping | None = None
    """where there is one row for each group"""
    brightness: Brightness | None = None
    """of the training images, with that of those that were put to the network so far; None: not known"""
    headers: list[ImageHeader] = field(default_factory=list)
    """of the image files that were put to the network so far"""

    def lines(self) -> Iterator[str]:
        """Lines of CSV: a heading, then one per image. Files that cannot be read are named and left out."""
        return csv_lines(self._rows() if self.grouping is None else self._group_rows(self.grouping), end="")

    def _group_rows(self, grouping: Grouping) -> Iterator[list[object]]:
        names = self.predictor.class_names
        task = self.predictor.task
        yield ["group", "images", *answer_headings(task), *(f"p({name})" for name in names)]
        for batch in self._usable():
            for name in grouping.add(batch.names, self.predictor.predict(batch.pixels)):
                self._leave_out(DatasetError(f"{name}: {grouping.pattern!r} finds no group in it."))
        if grouping.only is not None:
            self.report_line(
                f"hptui: all images are of one group, {grouping.only!r}: is that what {grouping.pattern!r} is to find?"
            )
        for group, images, shares in grouping.means():
            (called,) = answer_cells(task, names, shares[None], self.threshold)
            yield [group, images, *called, *map(float, shares)]

    def _rows(self) -> Iterator[list[object]]:
        names, task = self.predictor.class_names, self.predictor.task
        at = [] if self.threshold is None else ["threshold"]
        yield ["file", *answer_headings(task), *at, *(f"p({name})" for name in names)]
        for batch in self._usable():
            probabilities = self.predictor.predict(batch.pixels)
            answers = answer_cells(task, names, probabilities, self.threshold)
            for name, row, called in zip(batch.names, probabilities.tolist(), answers, strict=True):
                threshold = [] if self.threshold is None else [self.threshold]
                yield [name, *called, *threshold, *row]

    def _usable(self) -> Iterator[ImageBatch]:
        """Batches of images of which the network sees something; then lines on how their files are others."""
        for batch in filter(lambda batch: batch.names, map(self._within_range, self._batches())):
            if self.brightness is not None:
                self.brightness.add(batch.pixels)
            yield batch
        from hptui.datasets._kinds import kinds_of, other_kinds

        for line in other_kinds(self.trained_on, kinds_of(self.headers), self.predictor.image_shape[0]):
            self.report_line(f"hptui: {line}.")
        if self.brightness is not None:
            for line in self.brightness.notes():
                self.report_line(f"hptui: {line}")

    def _batches(self) -> Iterator[ImageBatch]:
        files: list[Path] = []
        for path in self.images:
            if path.suffix.lower() == ARCHIVE:
                yield from self._files(files)
                files = []
                yield from self._archive(path)
            else:
                files.append(path)
        yield from self._files(files)

    def _files(self, paths: Sequence[Path]) -> Iterator[ImageBatch]:
        import numpy as np

        with ThreadPoolExecutor() as pool:  # decoding releases the interpreter lock
            for begin in range(0, len(paths), AT_ONCE):
                some = paths[begin : begin + AT_ONCE]
                names, kept = [], []
                for path, decoded in zip(some, pool.map(self._decode, some), strict=True):
                    if isinstance(decoded, DatasetError):
                        self._leave_out(decoded)
                    else:
                        header, pixels = decoded
                        names.append(shown(path))
                        kept.append(pixels)
                        self.headers.append(header)
                if kept:
                    yield ImageBatch(names, np.stack(kept))

    def _decode(self, path: Path) -> tuple[ImageHeader, Pixels] | DatasetError:
        from hptui.datasets._decode import read_header, read_pixels, refuse_depth
        from hptui.datasets._joining import refuse_without_window
        from hptui.datasets._kinds import has_units

        if not path.exists():
            return DatasetError(f"there is no file {path}.")
        try:
            header = read_header(path, own_window=self.form.own_window)
            if self.form.own_window:
                refuse_without_window([path], [header])
            units = has_units(self.trained_on)
            refuse_depth(path, header, self.form.depth, "the network was trained on", units=units)
            self._refuse_other_pages(path, header)
            return header, read_pixels(path, header, self.form)
        except DatasetError as error:
            return error

    def _refuse_other_pages(self, path: Path, header: ImageHeader) -> None:
        """Refuse what would fill the channels of pages with something else: one page as often, or its colours."""
        known = self.trained_on
        if self.form.pages != "all" or known is None or known.grey not in (0, known.files):
            return
        channels = 1 if known.grey else 3
        if (header.pages, header.channels) != (self.form.channels // channels, channels):
            raise DatasetError(
                f"{path} has {_pages_words(header.pages, header.channels)}; the network was trained on all pages of "
                f"files with {_pages_words(self.form.channels // channels, channels)} (--pages all)."
            )

    def _archive(self, path: Path) -> Iterator[ImageBatch]:
        from hptui.datasets._arrays import read_image_arrays

        try:
            arrays = read_image_arrays(path)
            for key, pixels in arrays.items():
                self._refuse_other(f"{path}: {key}", pixels)
        except DatasetError as error:
            self._leave_out(error)
            return
        for key, pixels in arrays.items():
            if not len(pixels):
                self._leave_out(DatasetError(f"{path}: {key} holds no images."))
            for begin in range(0, len(pixels), AT_ONCE):
                some = pixels[begin : begin + AT_ONCE]
                yield ImageBatch([f"{shown(path)}:{key}[{begin + index}]" for index in range(len(some))], some)

    def _refuse_other(self, what: str, pixels: Pixels) -> None:
        if pixels.shape[1:] != self.predictor.image_shape:
            has, takes = ("x".join(map(str, shape)) for shape in (pixels.shape[1:], self.predictor.image_shape))
            raise DatasetError(f"{what} has images of {has}; the network takes {takes}.")
        if pixels.dtype != self.form.depth:
            raise DatasetError(f"{what} holds {pixels.dtype}; the network was trained on {self.form.depth}.")

    def _within_range(self, batch: ImageBatch) -> ImageBatch:
        """The images of which something is left by the range of intensities that the network was trained on."""
        import numpy as np

        from hptui.datasets._intensity import outside

        intensity = self.predictor.intensity
        beyond = outside(batch.pixels, intensity)
        for index in np.flatnonzero(beyond).tolist():
            name, pixels = batch.names[index], batch.pixels[index]
            self._leave_out(
                DatasetError(
                    f"{name} has intensities {pixels.min():g} to {pixels.max():g}, nearly all outside "
                    f"{intensity.low:g} to {intensity.high:g}, which the network was trained on ({intensity.rule})."
                )
            )
        names = [name for name, left in zip(batch.names, beyond, strict=True) if not left]
        return ImageBatch(names, batch.pixels[~beyond])

    def _leave_out(self, error: DatasetError) -> None:
        self.unreadable += 1
        self.report_line(f"hptui: left out: {error}")


def predict(
    run: Path,
    images: Sequence[Path],
    *,
    model: Model = "final",
    threshold_for: str | None = None,
    per_group: str | None = None,
    device: str | None = None,
    trust: bool = False,
    report_line: Callable[[str], object],
) -> PredictionTable:
    """Get everything ready to put `images` to the network of a completed run.

    Args:
        run: its directory, within its study.
        images: image files, folders of them (searched to the bottom), .npz archives with arrays of images.
        model: final or best.
        threshold_for: for example "sensitivity=0.95": what the threshold is to reach on the run's validation images.
        per_group: pattern of the group in a file's name, for one row a group; None: one row an image.
        device: where to compute, instead of where the study does.
        trust: run the study's own code without asking.
        report_line: called with one line for each file that cannot be read, and for what is left out of a folder.

    Raises:
        UsageError: no completed run, no such images, no such threshold, or code that may not be run.
    """
    read_run_file(run)
    grouping = Grouping(per_group, images) if per_group is not None else None
    threshold = _threshold(run, model, threshold_for, grouping) if threshold_for is not None else None
    files = _image_files(images, report_line) if (run / FILES[model]).exists() else []
    files = _each_once(files, report_line) if grouping is not None else files
    network = load_network(run, model, device=device, trust=trust)
    form, data = _form(network), network.study.data
    known = data.kinds if data is not None else None
    from hptui.datasets._shifts import Brightness

    return PredictionTable(
        network.predictor,
        threshold,
        files,
        report_line,
        form,
        known,
        grouping=grouping,
        brightness=Brightness(data.mean, data.deviation) if data is not None else None,
    )


def _pages_words(pages: int, channels: int) -> str:
    of = "colour" if channels == 3 else "grey" if channels == 1 else f"{channels} channels"
    return f"{pages} page{'s' * (pages > 1)} of {of}"


def _form(network: LoadedNetwork) -> ImageForm:
    """What image files are brought to: as those were that the network was trained with."""
    from hptui.datasets._image_header import ImageForm

    config, intensity = network.study.config, network.predictor.intensity
    own_window = intensity.rule == "voi"
    shape = network.predictor.image_shape
    return ImageForm(intensity.dtype, *shape, config.resize, config.pages, own_window=own_window)


@dataclass(frozen=True)
class LoadedNetwork:
    """Network of a completed run, ready for images, and the study that it is of."""

    study: Study
    predictor: Predictor
    allowed: str
    """checksum of its code, where somebody has allowed that a moment ago"""


def load_network(run: Path, model: Model, *, device: str | None, trust: bool) -> LoadedNetwork:
    """Build the network of a completed run; arguments as of `predict`.

    Raises:
        UsageError: no completed run, or code that may not be run.
    """
    read_run_file(run)
    study = open_study(run.parent)
    file = run / FILES[model]
    if not file.exists():
        raise RunDirectoryError(f"{run} has no {file.name}: it is not completed, or an older hptui trained it.")
    allowed = allowed_code(study, trust=trust)
    from hptui.training.predicting import load_predictor

    config = study.config
    predictor = load_predictor(
        file,
        localized_model(study, allowed),
        config.model_args,
        device=device or config.device,
        threads=config.threads,
        precision=config.precision,
    )
    return LoadedNetwork(study, predictor, allowed)


def _threshold(run: Path, model: Model, wanted: str, grouping: Grouping | None) -> float:
    validation = read_predictions(run, model, "validation")
    if validation is None:
        raise RunDirectoryError(f"no predictions saved by {run}, so no threshold can be chosen for {wanted}.")
    if grouping is not None and is_grouped(validation):
        validation = of_groups(validation).predictions
    return choose_threshold(validation, wanted)


def _image_files(images: Sequence[Path], report_line: Callable[[str], object]) -> list[Path]:
    """Image files; of a folder those that training would take of it, sorted, with a line on what is left out.

    Raises:
        UsageError: a folder has none, or cannot be listed.
    """
    from hptui.datasets._image_files import LeftOut, images_below
    from hptui.datasets._no_classes import without_masks

    files: list[Path] = []
    for path in images:
        if not path.is_dir():
            files.append(path)
            continue
        left_out = LeftOut(path)
        try:
            inside = without_masks(images_below(path, left_out, ARCHIVE), left_out)
        except DatasetError as error:
            raise UsageError(str(error)) from error
        if not inside:
            raise UsageError(f"{path} holds no image files{left_out.unreadable(path)}.")
        for note in left_out.notes:
            report_line(f"hptui: {path}: {shown(note)}")
        files += inside
    return files


def _each_once(files: Sequence[Path], report_line: Callable[[str], object]) -> list[Path]:
    """Files without those that come again: they would count twice in the mean of their group."""
    different: dict[Path, Path] = {}
    for path in files:
        different.setdefault(path.resolve(), path)
    if repeated := len(files) - len(different):
        report_line(f"hptui: named more than once, and taken once: {repeated} of {len(files)} files.")
    return list(different.values())
