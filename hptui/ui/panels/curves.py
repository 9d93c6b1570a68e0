"""One measure per epoch of both arms: the mean over the runs, and the band from the lowest to the highest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.reactive import Reactive, reactive

from hptui.metrics.classification import metric_title
from hptui.reading.views.curves import (
    CURVE_MEASURES,
    CurveMeasure,
    CurvePoint,
    LearningCurves,
    delivered_points,
    last_completed,
    spread,
    training_losses,
)
from hptui.ui.drawing.charts import BASELINE, LEAST_HEIGHT, OPTIMIZED, Band, Series, chart, legend
from hptui.ui.drawing.colours import Rgb
from hptui.ui.drawing.literal import in_the_middle
from hptui.ui.panels import Panel, Scene, Span, key_hints

__all__ = ["CurvesPanel"]

Split = Literal["validation", "test"]
ARMS: tuple[tuple[str, Rgb, str, str], ...] = (("baseline", BASELINE, "×", "▒"), ("optimized", OPTIMIZED, "●", "░"))
"""name, colour, and where colour is missing the marks of mean and band"""
TWO_CHARTS = 16
"""lines from which on the loss has a chart of its own below another measure"""


class CurvesPanel(Panel):
    """m goes on to the next measure, t switches the images it is taken on."""

    heading = "Learning curves"
    short_heading = "Curves"
    order = 30
    span = Span(columns=2, rows=3)
    wide_span = Span(columns=3, rows=3)

    DEFAULT_CSS = """
    CurvesPanel { height: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "next_measure", "Accuracy, loss, sensitivity, specificity", show=False),
        Binding("t", "switch_split", "Validation or test", show=False),
    ]

    measure: Reactive[CurveMeasure] = reactive[CurveMeasure]("accuracy")
    split: Reactive[Split] = reactive[Split]("validation")

    def __init__(self) -> None:
        super().__init__()
        self._curves = LearningCurves()

    def change_key(self, scene: Scene) -> object:
        epochs = [last_completed(run) for arm, *_ in ARMS for run in scene.arm(arm)]
        batches = scene.run.state.last_batches if "loss" in self._measures else None
        return (id(scene.study), scene.run.name, scene.palette, epochs, batches and batches.step)

    def on_resize(self) -> None:
        self._name_choice()

    def watch_measure(self) -> None:
        self._name_choice()

    def watch_drawn_from(self) -> None:
        self._name_choice()  # a study calls its measures by the labels that it has

    def watch_split(self) -> None:
        self._name_choice()

    def action_next_measure(self) -> None:
        self.measure = CURVE_MEASURES[(CURVE_MEASURES.index(self.measure) + 1) % len(CURVE_MEASURES)]

    def action_switch_split(self) -> None:
        self.split = "test" if self.split == "validation" else "validation"

    @property
    def _measures(self) -> tuple[CurveMeasure, ...]:
        """The chosen one, and where there is room the loss below it, which shows how an epoch goes on."""
        tall = self.size.height >= TWO_CHARTS and self.measure != "loss"
        return (self.measure, "loss") if tall else (self.measure,)

    def _name_choice(self) -> None:
        """Name what is shown on the border, with the keys that change it."""
        choice, keys = f"{self.split} {self._title(self.measure)}", " | m measure, t split"
        # a piece of the border and a blank stand at both ends of a subtitle
        self.border_subtitle = key_hints(choice + (keys if len(choice + keys) <= self.size.width - 4 else " | m, t"))

    def _title(self, measure: CurveMeasure) -> str:
        """What it is called for the labels of this study."""
        task = self.scene.study.task if self.scene is not None else "single-label"
        return measure if measure == "loss" else metric_title(measure, task)

    def render(self) -> Text:
        """All lines; Textual keeps what it made of them until the next refresh."""
        if self.scene is None:
            return Text("")
        lines: list[Text] = []
        for number, measure in enumerate(self._measures, 1):
            until = self.size.height * number // len(self._measures)
            lines += self._picture(self.scene, measure, self.size.width, until - len(lines))
        return Text("\n", no_wrap=True).join(lines)

    def _picture(self, scene: Scene, measure: CurveMeasure, width: int, height: int) -> list[Text]:
        """One chart with its legend."""
        curves = {arm: self._curves.curve(scene.arm(arm), measure, self.split) for arm, *_ in ARMS}
        bands = [Band("", _area(curves[arm]), colour, band) for arm, colour, _, band in ARMS if spread(curves[arm])]
        means = [
            Series(self._words(measure, arm, curves[arm]), _means(curves[arm]), "line", colour, marker)
            for arm, colour, marker, _ in ARMS
        ]
        trained = training_losses(scene.run.state)
        training = [Series(_training_words(scene, trained), trained, "dots", None, "·")] if measure == "loss" else []
        delivered = self._delivered(scene, measure)
        if not any(part.points for part in (*means, *training)):
            awaited = f"{self.split} {self._title(measure)} will stand here after the first epoch"
            if self.split == "test" and scene.run.state.untested:
                awaited = "the study has no test images"
            coming = in_the_middle(awaited, width, height)
            return [Text(line, style="dim", no_wrap=True) for line in coming]
        parts: list[Series | Band] = [*bands, *training, *means, *delivered]
        # bands have the colours of their arms, so one entry without colour explains both
        explained: list[Series | Band] = [*means, *(Band("lowest to highest run", band.points) for band in bands[-1:])]
        words = legend([*explained, *training, *delivered], width=width, palette=scene.palette)
        words = words if height - len(words) > LEAST_HEIGHT else []
        form: Literal["number", "percent"] = "number" if measure == "loss" else "percent"
        epochs = [float(edge) for epoch, _ in trained for edge in (math.floor(epoch), math.ceil(epoch))]
        return [
            *chart(parts, width=width, height=height - len(words), y_format=form, epochs=epochs, palette=scene.palette),
            *words,
        ]

    def _delivered(self, scene: Scene, measure: CurveMeasure) -> list[Series]:
        """The epoch that this run delivers, or would if it ended now, where that is not its newest."""
        points = delivered_points([scene.run.state], measure, self.split)
        state, name = scene.run.state, scene.run.name
        ended = f", ended at {state.end} of {state.epochs_planned}" if state.end_moved < 0 else ""
        words = [f"{name} delivers ep. {epoch:.0f}{ended}" for epoch, _ in points]
        return [Series(word, points, "dots", None, "◆") for word in words]

    def _words(self, measure: CurveMeasure, arm: str, curve: Sequence[CurvePoint]) -> str:
        """The arm with its newest mean, and over how many runs it is."""
        if not curve:
            return arm
        last = curve[-1]
        loss = "loss " if measure != self.measure else ""  # the border names the other
        mean = f"{loss}{last.mean:.4g}" if measure == "loss" else f"{last.mean:.2%}"
        return f"{arm} {mean} ep. {last.epoch}, n {last.n}"


def _training_words(scene: Scene, trained: Sequence[tuple[float, float]]) -> str:
    return f"training loss of {scene.run.name} {trained[-1][1]:.4g}" if trained else ""


def _area(curve: Sequence[CurvePoint]) -> tuple[tuple[float, float, float], ...]:
    return tuple((float(point.epoch), point.low, point.high) for point in curve)


def _means(curve: Sequence[CurvePoint]) -> tuple[tuple[float, float], ...]:
    return tuple((float(point.epoch), point.mean) for point in curve)
