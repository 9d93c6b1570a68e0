"""`hptui evaluate RUN DATASET`: what a completed run's network is worth on labelled images that are not its study's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hptui import registry
from hptui.cli.answer_cells import answer_cells, listed
from hptui.cli.headway_line import showing_headway
from hptui.cli.tables import left_table
from hptui.cli.trained_network import TrainedNetwork, load_network
from hptui.config import StudyConfig, convert_field
from hptui.config.layers import contradictions
from hptui.errors import ConfigError, HptuiError
from hptui.export.csv_lines import csv_lines
from hptui.reading.comparison.number_words import percent
from hptui.reading.evaluation import Evaluated, Evaluation, Measured, Unit, Wanted, evaluate_answers
from hptui.reading.wrong_images import HEADINGS, wrong_cells
from hptui.record.localizing import localized
from hptui.record.predictions import Model, read_predictions
from hptui.record.study_directory import Study

if TYPE_CHECKING:
    from hptui.datasets import Images

NAMES = ("column", "group_column", "group_pattern")
"""settings that speak of the names in a data set: of columns, and of files"""
ANSWERED = tuple(f"image,{group}true_{what}," for group in ("", "group,") for what in ("class", "labels"))
"""how tables of answers begin"""
FEW_WRONG = 10
"""images named on a terminal"""
FEW_IMAGES = 10
"""or groups, of a class: with fewer, one of them is worth more than 10 points"""


@dataclass(frozen=True)
class EvaluatedRun:
    """What was found, with the images that it was found on."""

    found: Evaluated
    images: Images
    class_names: tuple[str, ...]


def evaluate(
    run: Path,
    dataset: str,
    wanted: Wanted,
    *,
    model: Model = "final",
    read_as: Mapping[str, object],
    device: str | None = None,
    trust: bool = False,
) -> EvaluatedRun:
    """Put the network of a completed run to all images of a labelled data set.

    Args:
        run: its directory, within its study.
        dataset: as --dataset.
        wanted: how answers are looked at.
        model: final or best.
        read_as: settings of reading that are others for this data set than for the study's.
        device: where to compute, instead of where the study does.
        trust: run the study's own code without asking.

    Raises:
        UsageError: no completed run, no such data set, other classes, or code that may not be run.
    """
    network = load_network(run, model, device=device, trust=trust)
    from hptui.training.evaluating import external_answers, read_external

    config = _reading(network.study, dataset, read_as)
    with showing_headway():
        offered = _offered(network.study, read_as)
        own, unknown = _here(network)
        external = read_external(dataset, config, network.predictor, network.study, offered, own)
    names = network.predictor.class_names
    found = evaluate_answers(
        external_answers(network.predictor, external.images),
        read_predictions(run, model, "validation"),
        names,
        wanted,
        run=f"{run.parent.name}/{run.name}",
        dataset=dataset,
        notes=(*unknown, *external.notes),
    )
    return EvaluatedRun(found, external.images, names)


def _reading(study: Study, dataset: str, read_as: Mapping[str, object]) -> StudyConfig:
    """The study's settings with those that are others for this data set, without what speaks of names in its own."""
    config = study.config
    if study.data is None:  # its splits were made without a look at equal images: only so are its own known again
        config = msgspec.structs.replace(config, allow_overlap=True)
    changes: dict[str, Any] = {name: getattr(StudyConfig(), name) for name in NAMES}
    if dataset.partition(":")[0] == config.dataset.partition(":")[0] and registry.is_own(dataset):
        del changes["column"]  # another function of the same file
    for name, value in read_as.items():
        try:
            changes[name] = convert_field(name, value)
        except ConfigError as error:
            raise ConfigError(f"--{name.replace('_', '-')}: {error}") from None
    config = msgspec.structs.replace(config, **changes)
    for fields, problem in contradictions(config, installed=False):
        if "group_column" in fields:
            raise ConfigError(problem)
    return config


def _here(network: TrainedNetwork) -> tuple[StudyConfig | None, tuple[str, ...]]:
    """The study's settings with the paths of this machine; None, with a line, where its own images are not known here.

    What it is trained with besides its images is not wanted.
    """
    from hptui.training.trained_on import UNKNOWN

    study = network.study
    images_alone = msgspec.structs.replace(study, config=msgspec.structs.replace(study.config, weights=None))
    try:
        return localized(images_alone, allowed=network.allowed), ()
    except HptuiError as error:
        return None, (f"{UNKNOWN}{error}",)


def _offered(study: Study, read_as: Mapping[str, object]) -> StudyConfig:
    """The study's own settings, whose columns and pattern are taken where they fit and the user says nothing else."""
    given = convert_field("column", read_as["column"]) if "column" in read_as else {}
    if not ({"group_column", "group_pattern"} & set(read_as) or "group" in given):
        return study.config
    column = {role: name for role, name in study.config.column.items() if role != "group"}
    return msgspec.structs.replace(study.config, column=column, group_column=None, group_pattern=None)


def evaluation_text(evaluated: EvaluatedRun) -> RenderableType:
    """Tables and sentences for a terminal."""
    evaluation = evaluated.found.evaluation
    units = [("image", evaluation.per_image)]
    if evaluation.per_group is not None:
        units.append(("group", evaluation.per_group))
    headings = ("metric", *(f"per {word} % (n = {unit.count})" for word, unit in units))
    table = left_table(headings, f"{evaluation.run} on {evaluation.dataset}", left=1)
    for rows in zip(*(unit.metrics for _, unit in units), strict=True):
        table.add_row(Text(rows[0].title), *(Text(_estimate(one)) for one in rows))
    parts: list[RenderableType] = [table]
    if evaluation.by_label:
        parts.append(_label_table(evaluation))
    parts += map(Text, evaluation_lines(evaluation))
    if evaluation.most_wrong:
        how = "called by another class" if evaluation.task == "single-label" else "called with or without it by mistake"
        wrong = left_table(HEADINGS, f"{how}, the surest first", left=3)
        for one in evaluation.most_wrong[:FEW_WRONG]:
            wrong.add_row(*map(Text, wrong_cells(one)))
        parts.append(wrong)
    return Group(*parts)


def _label_table(evaluation: Evaluation) -> Table:
    """A row for each label."""
    titles = [one.title for one in evaluation.by_label[0].metrics]
    table = left_table(("label", "images", *(f"{title} %" for title in titles)), "every label per image", left=1)
    for label in evaluation.by_label:
        table.add_row(Text(label.name), str(label.images), *(Text(_estimate(one)) for one in label.metrics))
    return table


def _estimate(one: Measured) -> str:
    if one.value is None or one.low is None or one.high is None:
        return "-"
    return f"{percent(one.value)} ({percent(one.low)} to {percent(one.high)})"


def evaluation_lines(evaluation: Evaluation) -> Iterator[str]:
    """Sentences below the table."""
    of_group = evaluation.per_group
    what = "groups, which are resampled" if evaluation.groups else "images"
    yield f"Intervals: 95 %, over {what}. Brier score and calibration error: the lower, the better."
    kinds = "Images" if evaluation.task == "single-label" else "Images with each label"
    yield f"{kinds}: {_classes(evaluation.per_image)}."
    if of_group is not None:
        yield f"Groups, each by the mean probability of its images: {_classes(of_group)}."
    if evaluation.positive is not None:
        share = evaluation.per_image.by_class[evaluation.positive] / evaluation.per_image.count
        yield f"Positive: {evaluation.positive}, {percent(share)} % of these images, for which PPV and NPV hold."
    if evaluation.per_image.threshold is not None:
        at = f"{evaluation.per_image.threshold:.4g}"
        at += f", of groups {of_group.threshold:.4g}" if of_group is not None and of_group.threshold is not None else ""
        yield f"Threshold for {evaluation.threshold_for}, chosen on the run's validation images: {at}."
    if (fitted := evaluation.calibration) is not None:
        shifts = ", ".join(f"{shift:+.3f}" for shift in fitted.shifts[1:])
        yield (
            f"Probabilities were recalibrated on {fitted.images} validation images: logits times {fitted.slope:.3f}, "
            f"then {shifts}."
        )
    unit, word = (of_group, "groups") if of_group is not None else (evaluation.per_image, "images")
    few = [f"{name} ({count})" for name, count in unit.by_class.items() if count < FEW_IMAGES]
    if few:
        yield f"Too few {word} to tell: {', '.join(few)}."
    yield from evaluation.notes


def _classes(unit: Unit) -> str:
    return ", ".join(f"{count} {name}" for name, count in unit.by_class.items())


def answers_csv(evaluated: EvaluatedRun) -> Iterator[str]:
    """Lines of CSV: a heading, then one image each."""
    found, names = evaluated.found, evaluated.class_names
    answers, several = found.predictions, found.predictions.task == "multi-label"
    called = answer_cells(answers.task, names, answers.probabilities, found.evaluation.per_image.threshold)
    headings = ("true_labels", "predicted_labels") if several else ("true_class", "predicted_class", "probability")

    def rows() -> Iterator[list[object]]:
        group = ["group"] if answers.groups is not None else []
        yield ["image", *group, *headings, *(f"p({name})" for name in names)]
        for index, (shares, said) in enumerate(zip(answers.probabilities.tolist(), called, strict=True)):
            name = str(answers.names[index]) if answers.names is not None else str(index)
            whose = [str(answers.groups[index])] if answers.groups is not None else []
            true = answers.labels[index]
            yield [name, *whose, listed(names, true.tolist()) if several else names[true], *said, *shares]

    return csv_lines(rows())


def draw_evaluation(evaluated: EvaluatedRun, folder: Path) -> Iterator[Path]:
    """Write the pictures that there are as PNG into a folder, which is made if it is not there."""
    from hptui.export.evaluations import draw

    return draw(evaluated.found, evaluated.images.pixels, evaluated.class_names, folder)


def evaluation_json(evaluated: EvaluatedRun) -> bytes:
    """JSON of `hptui.reading.evaluation.Evaluation`."""
    return msgspec.json.encode(evaluated.found.evaluation)
