"""`hptui predict RUN IMAGES...`: class, or labels, and probabilities of images, as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from hptui.cli.answer_cells import answer_cells, answer_headings
from hptui.cli.grouping import Grouping
from hptui.cli.trained_network import TrainedNetwork, load_network, weights_file
from hptui.errors import DatasetError, RunDirectoryError
from hptui.export.csv_lines import csv_lines
from hptui.metrics.classification import counts_of
from hptui.metrics.groups import is_grouped, of_groups
from hptui.metrics.thresholds import choose_threshold, few_to_choose
from hptui.record.predictions import Model, read_predictions
from hptui.record.run_directory import read_run_file
from hptui.record.task import Task

if TYPE_CHECKING:
    from hptui.datasets._unlabelled import UnlabelledImages
    from hptui.training.predicting import Predictor

PREDICTED = tuple(
    ",".join([first, *answer_headings(task), then])
    for first in ("file", "group,images")
    for task in get_args(Task)
    for then in ("threshold,", "p(")
)
"""how its tables begin"""


@dataclass
class PredictionTable:
    """Table of the predictions for all images, row by row."""

    predictor: Predictor
    threshold: float | None
    """on the probability of the second of two classes"""
    images: UnlabelledImages
    grouping: Grouping | None = None
    """where there is one row for each group"""

    def lines(self) -> Iterator[str]:
        """Lines of CSV: a heading, then one per image. Files that cannot be read are named and left out."""
        return csv_lines(self._rows() if self.grouping is None else self._group_rows(self.grouping), end="")

    def _group_rows(self, grouping: Grouping) -> Iterator[list[object]]:
        names, task = self.predictor.class_names, self.predictor.task
        yield ["group", "images", *answer_headings(task), *(f"p({name})" for name in names)]
        for batch in self.images.batches():
            for name in grouping.add(batch.names, self.predictor.predict(batch.pixels)):
                self.images.leave_out(DatasetError(f"{name}: {grouping.pattern!r} finds no group in it."))
        if grouping.only is not None:
            self.images.report_line(
                f"all images are of one group, {grouping.only!r}: is that what {grouping.pattern!r} is to find?"
            )
        for group, images, shares in grouping.means():
            (called,) = answer_cells(task, names, shares[None], self.threshold)
            yield [group, images, *called, *map(float, shares)]

    def _rows(self) -> Iterator[list[object]]:
        names, task = self.predictor.class_names, self.predictor.task
        at = [] if self.threshold is None else ["threshold"]
        yield ["file", *answer_headings(task), *at, *(f"p({name})" for name in names)]
        for batch in self.images.batches():
            probabilities = self.predictor.predict(batch.pixels)
            answers = answer_cells(task, names, probabilities, self.threshold)
            for name, row, called in zip(batch.names, probabilities.tolist(), answers, strict=True):
                threshold = [] if self.threshold is None else [self.threshold]
                yield [name, *called, *threshold, *row]


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
    chosen = _threshold(run, model, threshold_for, grouping) if threshold_for is not None else None
    from hptui.datasets._unlabelled import each_once, image_files

    def report(line: str) -> None:
        report_line(f"hptui: {line}")

    files = image_files(images, report) if weights_file(run, model).exists() else []
    files = each_once(files, report) if grouping is not None else files
    network = load_network(run, model, device=device, trust=trust)
    if chosen is not None and (few := chosen.few(network.predictor.class_names)):
        report(few)
    threshold = chosen.value if chosen is not None else None
    return PredictionTable(network.predictor, threshold, _unlabelled(network, files, report), grouping)


def _unlabelled(
    network: TrainedNetwork, files: Sequence[Path], report_line: Callable[[str], object]
) -> UnlabelledImages:
    """Images of files, read as those were that the network was trained with."""
    from hptui.datasets._image_header import ImageForm
    from hptui.datasets._shifts import Brightness
    from hptui.datasets._unlabelled import UnlabelledImages

    config, data = network.study.config, network.study.data
    shape, intensity = network.predictor.image_shape, network.predictor.intensity
    return UnlabelledImages(
        files,
        ImageForm(intensity.dtype, *shape, config.resize, config.pages, own_window=intensity.rule == "voi"),
        intensity,
        report_line,
        data.kinds if data is not None else None,
        Brightness(data.mean, data.deviation) if data is not None else None,
    )


@dataclass(frozen=True)
class _Threshold:
    """From which probability on an image, or a group, is called positive."""

    value: float
    wanted: str
    support: Sequence[int]
    """of each class, by which it was chosen"""
    unit: str

    def few(self, names: Sequence[str]) -> str:
        """A sentence where so few have set it that it may reach something else; empty where they are enough."""
        return few_to_choose(self.support, names, self.wanted, self.unit)


def _threshold(run: Path, model: Model, wanted: str, grouping: Grouping | None) -> _Threshold:
    """Threshold that reaches what is wanted on the run's validation images, or on groups of them."""
    validation, unit = read_predictions(run, model, "validation"), "images"
    if validation is None:
        raise RunDirectoryError(f"no predictions saved by {run}, so no threshold can be chosen for {wanted}.")
    if grouping is not None and is_grouped(validation):
        validation, unit = of_groups(validation).predictions, "groups"
    return _Threshold(choose_threshold(validation, wanted), wanted, counts_of(validation).support, unit)
