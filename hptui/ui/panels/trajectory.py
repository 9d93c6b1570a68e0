"""The value of each searched hyperparameter, epoch by epoch: as chosen, and, under a schedule, in force."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.reactive import Reactive, reactive

from hptui.reading.cautions import cautions
from hptui.reading.run_state import RunState
from hptui.reading.views.trajectories import Trajectory, TrajectoryPoint, trajectories
from hptui.ui.drawing.charts import BASELINE, OPTIMIZED, SCHEDULED, Series, chart, legend
from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.literal import in_the_middle, literal
from hptui.ui.panels import Panel, Scene, Span, key_hints

__all__ = ["TrajectoryPanel"]

CHART_LINES = 6
"""least height of a chart that says something"""
IN_FORCE = "in force at the end of the epoch"
HELD = "held, not searched"
ADVICE_SHARE = 8
"""one of so many lines may be advice: the charts are what the panel is for, and a key opens the rest"""


class TrajectoryPanel(Panel):
    """One chart per hyperparameter, as many as there is room for; n goes on to the next ones."""

    heading = "Trajectory"
    order = 20
    span = Span(columns=3, rows=4)
    wide_span = Span(columns=3, rows=5)

    DEFAULT_CSS = """
    TrajectoryPanel { height: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("n", "next_hyperparameter", "Next hyperparameter", show=False)]

    first: Reactive[int] = reactive(0, init=False)
    """number of the hyperparameter in the first chart"""

    def shows_nothing(self, scene: Scene) -> bool:
        return not scene.run.state.decisions

    def advice(self, scene: Scene) -> tuple[str, ...]:
        return cautions(scene.run.state, scene.run.directory)

    def change_key(self, scene: Scene) -> object:
        return (scene.run.name, scene.palette, _progress(scene.run.state), _progress(scene.partner))

    def watch_drawn_from(self) -> None:
        self._name_page()

    def watch_first(self) -> None:
        self._name_page()

    def on_resize(self) -> None:
        self._name_page()

    def action_next_hyperparameter(self) -> None:
        """Show the next ones; after the last, the first again."""
        searched, at_once = len(self._trajectories()), self._at_once()
        self.first = self.first + at_once if self.first + at_once < searched else 0

    def _trajectories(self) -> tuple[Trajectory, ...]:
        return trajectories(self.scene.run.state, self.scene.partner) if self.scene else ()

    def _at_once(self) -> int:
        """How many charts find room, with a line above each and the legend below them all."""
        return max(1, (self.size.height - 1) // (CHART_LINES + 1))

    def _page(self) -> tuple[Trajectory, ...]:
        searched = self._trajectories()
        first = self.first if self.first < len(searched) else 0
        return searched[first : first + self._at_once()]

    def _name_page(self) -> None:
        """Name the page on the border, where there is more than one."""
        page = self._page()
        paged = len(page) < len(self._trajectories())
        names = ", ".join(shown.name for shown in page)
        self.border_subtitle = key_hints(f"{names} | n for the next") if paged else ""

    def render(self) -> Text:
        """All lines; Textual keeps what it made of them until the next refresh."""
        if self.scene is None:
            return Text("")
        width, height = self.size
        page, palette = self._page(), self.scene.palette
        if not page:
            coming = in_the_middle(self.scene.nothing_yet("the trajectory"), width, height)
            return Text("\n".join(coming), style="dim", no_wrap=True)
        drawn = [(trajectory, list(_series(trajectory))) for trajectory in page]
        words = _legend([part for _, series in drawn for part in series], width, palette)
        room = max(min(height - len(page) * CHART_LINES - len(words), height // ADVICE_SHARE), 1)
        words += _advice_lines(self.advice(self.scene), width, room, palette)
        epochs = [point[0] for _, series in drawn for part in series for point in part.points]  # one axis for all
        lines: list[Text] = []
        for index, (trajectory, series) in enumerate(drawn):
            until = (height - len(words)) * (index + 1) // len(page)
            lines.append(_heading(trajectory, width, palette))
            log = trajectory.scale == "log"
            lines += chart(series, width=width, height=until - len(lines), log_y=log, epochs=epochs, palette=palette)
        return Text("\n", no_wrap=True).join([*lines, *words])


def _progress(run: RunState | None) -> object:
    """Changes with every decision and epoch; as cheap as a look at the last ones."""
    if run is None or run.started is None:
        return None
    chosen = run.decisions[-1].chosen if run.decisions else None
    completed = run.epochs[-1].completed if run.epochs else None
    times = (chosen and (chosen.time, chosen.step), completed and (completed.time, completed.step))
    return len(run.decisions), len(run.epochs), times


def _series(trajectory: Trajectory) -> Iterator[Series]:
    """What the chart draws; on a logarithmic axis only what lies above zero."""
    for part in _lines(trajectory):
        kept = tuple(point for point in part.points if point[1] > 0 or trajectory.scale != "log")
        yield replace(part, points=kept)


def _lines(trajectory: Trajectory) -> list[Series]:
    chosen = _points(trajectory.points)
    last = max((epoch for epoch, _ in chosen), default=0.0)
    begins = [max(edge.epoch - 0.5, 1.0) for edge in trajectory.edges]  # where the steps of the choice are
    low = [(begin, edge.low) for begin, edge in zip(begins, trajectory.edges, strict=True)]
    high = [(begin, edge.high) for begin, edge in zip(begins, trajectory.edges, strict=True)]
    on_high = _points(point for point in trajectory.points if point.on_edge == "high")
    on_low = _points(point for point in trajectory.points if point.on_edge == "low")
    return [
        Series("range of the choice", _until(low, last), "dashed"),
        Series("", _until(high, last), "dashed"),
        Series("baseline", _points(trajectory.baseline), "steps", BASELINE, "×"),
        *(
            Series("baseline in force", _points(piece), "line", BASELINE, "+")
            for piece in trajectory.baseline_scheduled
        ),
        *(Series(IN_FORCE, _points(piece), "line", SCHEDULED, "○") for piece in trajectory.scheduled),
        Series("chosen" if trajectory.decided_from is not None else HELD, chosen, "steps", OPTIMIZED),
        Series("on the high edge", on_high, "dots", OPTIMIZED, "▲"),
        Series("on the low edge", on_low, "dots", OPTIMIZED, "▼"),
        Series("probes twice as long", _points(trajectory.repeated), "dots", BASELINE, "◇"),
    ]


def _points(points: Iterable[TrajectoryPoint]) -> tuple[tuple[float, float], ...]:
    return tuple((float(point.epoch), point.value) for point in points)


def _until(edges: list[tuple[float, float]], last: float) -> tuple[tuple[float, float], ...]:
    """A range holds until the next decision, the last one until now."""
    return (*edges, (last, edges[-1][1])) if edges and last > edges[-1][0] else tuple(edges)


def _legend(series: list[Series], width: int, palette: Palette) -> list[Text]:
    """The legend of all charts together, with each label once."""
    by_label = {part.label: part for part in series if part.points}
    return legend(list(by_label.values()), width=width, palette=palette)


def _advice_lines(advice: Sequence[str], width: int, room: int, palette: Palette) -> list[Text]:
    """What one should be careful about, in whole sentences; where there is no room for all, the key that opens them."""
    sentences = [textwrap.wrap(literal(f"! {words}", palette), max(width, 1)) for words in advice]
    if sum(map(len, sentences)) > room:
        kept = 0
        while len(sentences[kept]) + sum(map(len, sentences[:kept])) < room:
            kept += 1
        sentences = [*sentences[:kept], [f"! i: advice in full ({len(advice)})"]]
    return [Text(line, style="bold", no_wrap=True) for sentence in sentences for line in sentence][:room]


def _heading(trajectory: Trajectory, width: int, palette: Palette) -> Text:
    """Heading in words: what is in force, where it may lie, and what the chart cannot show."""
    words = trajectory.title
    if trajectory.points:
        now = trajectory.points[-1]
        how = HELD if trajectory.decided_from is None else "chosen for" if trajectory.scheduled else "in"
        words += f" {now.value:.3g} {how}{',' * (how == HELD)} epoch {now.epoch}"
        words += f", on the {now.on_edge} edge" if now.on_edge else ""
        words += ", set by hand" * any(now in piece for piece in trajectory.by_hand)
    if trajectory.scheduled:
        words += f"; {trajectory.in_force[-1].value:.3g} in force at the end of epoch {trajectory.in_force[-1].epoch}"
    base = trajectory.baseline
    if base and trajectory.scale == "log" and base[-1].value <= 0:
        words += f"; baseline {base[-1].value:g}, off the log axis"
    if trajectory.edges:
        searched = f"; range {trajectory.edges[-1].low:g} to {trajectory.edges[-1].high:g}"
        words += searched if len(words + searched) <= width else ""
    line = Text(literal(words, palette), style="bold", no_wrap=True)
    line.truncate(width, overflow="crop", pad=True)
    return line
