"""One measure per epoch of both arms: the mean over the runs, and the band from the lowest to the highest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.reactive import Reactive, reactive

from hptui.reading.run_state import RunState
from hptui.reading.views.curves import CURVE_MEASURES, CurveMeasure, CurvePoint, learning_curve, spread
from hptui.ui.drawing.charts import BASELINE, LEAST_HEIGHT, OPTIMIZED, Band, Series, chart, legend
from hptui.ui.drawing.colours import Rgb
from hptui.ui.panels import Panel, Scene, Span

__all__ = ["CurvesPanel"]

Split = Literal["validation", "test"]
ARMS: tuple[tuple[str, Rgb, str, str], ...] = (("baseline", BASELINE, "×", "▒"), ("optimized", OPTIMIZED, "●", "░"))
"""name, colour, and where colour is missing the marks of mean and band"""


class CurvesPanel(Panel):
    """m goes on to the next measure, t switches the images it is taken on."""

    heading = "Learning curves"
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

    def change_key(self, scene: Scene) -> object:
        return (id(scene.study), scene.palette, [_progress(run) for arm, *_ in ARMS for run in scene.arm(arm)])

    def on_resize(self) -> None:
        self._name_choice()

    def watch_measure(self) -> None:
        self._name_choice()

    def watch_split(self) -> None:
        self._name_choice()

    def action_next_measure(self) -> None:
        self.measure = CURVE_MEASURES[(CURVE_MEASURES.index(self.measure) + 1) % len(CURVE_MEASURES)]

    def action_switch_split(self) -> None:
        self.split = "test" if self.split == "validation" else "validation"

    def _name_choice(self) -> None:
        """Name what is shown on the border, with the keys that change it."""
        choice, keys = f"{self.split} {self.measure}", " | m measure, t split"
        # a piece of the border and a blank stand at both ends of a subtitle
        self.border_subtitle = choice + (keys if len(choice + keys) <= self.size.width - 4 else " | m, t")

    def render(self) -> Text:
        """All lines; Textual keeps what it made of them until the next refresh."""
        if self.scene is None:
            return Text("")
        width, height = self.size
        curves = {arm: learning_curve(self.scene.arm(arm), self.measure, self.split) for arm, *_ in ARMS}
        bands = [Band("", _area(curves[arm]), colour, band) for arm, colour, _, band in ARMS if spread(curves[arm])]
        means = [
            Series(self._words(arm, curves[arm]), _means(curves[arm]), "line", colour, marker)
            for arm, colour, marker, _ in ARMS
        ]
        parts: list[Series | Band] = [*bands, *means]
        # bands have the colours of their arms, so one entry without colour explains both
        explained: list[Series | Band] = [*means, *(Band("lowest to highest run", band.points) for band in bands[-1:])]
        words = legend(explained, width=width, palette=self.scene.palette)
        words = words if height - len(words) > LEAST_HEIGHT else []
        form: Literal["number", "percent"] = "number" if self.measure == "loss" else "percent"
        lines = chart(parts, width=width, height=height - len(words), y_format=form, palette=self.scene.palette)
        return Text("\n", no_wrap=True).join([*lines, *words])

    def _words(self, arm: str, curve: Sequence[CurvePoint]) -> str:
        """The arm with its newest mean, and over how many runs it is."""
        if not curve:
            return arm
        last = curve[-1]
        mean = f"{last.mean:.4g}" if self.measure == "loss" else f"{last.mean:.2%}"
        return f"{arm} {mean} ep. {last.epoch}, n {last.n}"


def _progress(run: RunState) -> object:
    """Changes with every completed epoch; as cheap as a look at the last one."""
    completed = run.epochs[-1].completed if run.epochs else None
    return len(run.epochs), completed and (completed.time, completed.step)


def _area(curve: Sequence[CurvePoint]) -> tuple[tuple[float, float, float], ...]:
    return tuple((float(point.epoch), point.low, point.high) for point in curve)


def _means(curve: Sequence[CurvePoint]) -> tuple[tuple[float, float], ...]:
    return tuple((float(point.epoch), point.mean) for point in curve)
