"""What every screen looks like, as pictures (SVG): each screen in three sizes, light, without colour and in ASCII.

A change of the looks fails here. If it is meant, renew the pictures and look at them (any browser shows them):

    python -m pytest tests/ui/test_snapshots.py --snapshot-update

They lie in tests/ui/__snapshots__/test_snapshots/ and hold for the versions of Textual, rich and plotext that
pyproject.toml names for the tests. Nothing in them depends on the clock, the machine or a folder's place.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import tomli_w
from fabricate import (
    PATIENCE_SECONDS,
    batches_trained,
    candidate_scored,
    checkpoint_saved,
    chosen,
    decision_started,
    edit_study,
    epoch_completed,
    evaluated,
    make_study,
    run_completed,
    run_started,
    trained_epoch,
    two_class_study,
    values,
    whole_run,
)
from rich.segment import Segment
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual._context import visible_screen_stack
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input

from hptui.config import StudyConfig
from hptui.metrics.wrong import most_wrong_images
from hptui.record.data_summary import DataSummary, SplitSummary
from hptui.record.events import AnyEvent, Axis, LandscapePredicted, RunFailed, RunPaused, RunStopped, encode
from hptui.record.predictions import read_predictions
from hptui.record.presence import Presence
from hptui.record.run_directory import EVENTS_FILE
from hptui.record.study_directory import Study
from hptui.record.study_folders import STUDY_FILE
from hptui.record.wrong_images import WrongPixels, write_wrong_images
from hptui.ui.app import HptuiApp
from hptui.ui.appearance import Settings, save_settings
from hptui.ui.drawing.strip_lines import Watched
from hptui.ui.load import Gauge
from hptui.ui.pace import Pace
from hptui.ui.screens.dashboard import Dashboard
from hptui.ui.widgets.keys_line import KeysLine
from hptui.ui.widgets.row import Row
from hptui.ui.widgets.strip import HISTORY, Rate, StatusStrip

BEGUN = 1_750_000_000.0
"""2025-06-15 15:06:40 UTC"""
SIZES = [(80, 24), (120, 40), (160, 48)]
LOOKS = {
    "light": Settings(theme="hptui-light"),
    "mono": Settings(),
    "ascii": Settings(ascii=True),
}
STUDIES = Path("studies")
"""relative, so that its length on the screen is the same in every temporary folder"""
EXAMPLE = Path("lungs")
LR = Axis(name="lr", low=1e-4, high=1e-2, scale="log", values=[0.0001, 0.000316, 0.001, 0.00316, 0.01])
DECAY = Axis(name="weight_decay", low=1e-6, high=1e-2, scale="log", values=[1e-6, 1e-4, 1e-2])
LOAD = (Gauge("CPU", 0.12, "12%"), Gauge("RAM", 0.34, "34%"))
EPOCHS = 5
WINNERS = (7, 10, 6, 13, 4)
"""the best cell at each decision: an inner one, and ones on the edges"""


# ---- the same picture every time


@pytest.fixture(autouse=True)
def same_every_time(tmp_path: Path) -> Iterator[None]:
    """The clock stands still, the load is always the same, and no temporary path is shown."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        patch.chdir(tmp_path)
        # with a history that is full: how many looks a picture has taken depends on the machine
        load = tuple(Watched(gauge, (gauge.share,) * HISTORY) for gauge in LOAD)
        patch.setattr(StatusStrip, "_look_at_load", lambda strip, device: load)
        patch.setattr(Rate, "measure", lambda rate, work, now: work / 100)
        # five looks a second, and everything is looked for at each of them: a picture is complete after one
        patch.setattr(Pace, "seconds", lambda pace: 0.2)
        patch.setattr("hptui.ui.screens.dashboard.SIGNS_SECONDS", 0.0)
        patch.setattr("hptui.ui.panels.table.STATUS_SECONDS", 0.0)
        patch.setattr("textual.widgets._loading_indicator.time", lambda: 0.0)
        patch.setattr("hptui.ui.screens.study_list.studies_folder", lambda: STUDIES)
        patch.setattr("hptui.reading.listing_words.age", lambda created: "3 d")
        patch.setattr("hptui.reading.listing.size_of", lambda directory: 34_000_000)
        yield
    time.tzset()


class Svg(SingleFileSnapshotExtension):
    """One file per picture, as text, so that a change can be read."""

    file_extension = "svg"
    _write_mode = WriteMode.TEXT

    def matches(self, *, serialized_data: Any, snapshot_data: Any) -> bool:
        return coloured(serialized_data) == coloured(snapshot_data)


def coloured(svg: str) -> str:
    """The picture with each style in place of its number: styles of blanks have numbers too, and nobody sees them."""
    styles = dict(re.findall(r"^\.(t-r\d+) (\{.*\})$", svg, flags=re.MULTILINE))
    svg = re.sub(r"^\.t-r\d+ \{.*\}\n", "", svg, flags=re.MULTILINE)
    return re.sub(r'class="(t-r\d+)"', lambda found: f'class="{styles[found[1]]}"', svg)


RECTANGLE = re.compile(r'<rect fill="(.+?)" x="(.+?)" y="(.+?)" width="(.+?)" height="24.65"/>')


def picture(app: HptuiApp) -> str:
    """The screen as it is now, without what rich makes up anew each time, and a third as long."""
    svg = app.export_screenshot(simplify=True)
    svg = re.sub(r"terminal-\d+-", "t-", svg)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # a font from the net
    svg = svg.replace("Fira Code, monospace", "monospace")
    svg = re.sub(r'<clipPath id="t-line-\d+">.*?</clipPath>\s*', "", svg, flags=re.DOTALL)
    svg = re.sub(r' clip-path="url\(#t-line-\d+\)"', "", svg)
    svg = re.sub(r"<text [^>]*>\n</text>", "", svg)
    svg = svg.replace(' shape-rendering="crispEdges"', "").replace(
        "<style>", "<style>rect { shape-rendering: crispEdges }", 1
    )
    svg = svg.replace("&#160;", "\u00a0").replace("<text", "\n<text").replace("<rect", "\n<rect")
    lines = [line.strip() for line in svg.splitlines() if line.strip()]
    return "\n".join(joined(lines)) + "\n"


def joined(lines: list[str]) -> list[str]:
    """With one rectangle where neighbours have one colour."""
    kept: list[str] = []
    for line in lines:
        now, before = RECTANGLE.fullmatch(line), RECTANGLE.fullmatch(kept[-1]) if kept else None
        if now and before and now[1] == before[1] and now[3] == before[3]:
            width = round(float(before[4]) + float(now[4]), 1)
            kept[-1] = f'<rect fill="{now[1]}" x="{before[2]}" y="{now[3]}" width="{width:g}" height="24.65"/>'
        else:
            kept.append(line)
    return kept


# ---- studies


def write(study: Study, arm: str, seed: int, events: list[AnyEvent]) -> Path:
    """A run whose clock is its own: an event each second, and runs one after another."""
    directory = study.directory / f"{arm}-{seed}"
    study.create_run(arm, seed, directory)  # type: ignore[arg-type]
    begun = BEGUN + 600 * [run.name for *_, run in study.runs()].index(directory.name)
    timed = [msgspec.structs.replace(event, time=begun + second) for second, event in enumerate(events)]
    (directory / EVENTS_FILE).write_bytes(b"".join(map(encode, timed)))
    return directory


def new_study(directory: Path, age: int = 0, **settings: Any) -> Study:
    """One that was begun `age` days before the others."""
    study = make_study(directory, **settings)

    def edit(text: str) -> str:
        text = re.sub(r"^created = .*$", f"created = {BEGUN - 86_400.0 * age}", text, flags=re.MULTILINE)
        return re.sub(r"^optimized = .*$", "optimized = 4.0", text, flags=re.MULTILINE)  # the planned cost

    edit_study(directory, edit)
    return study


def epoch(number: int, best: float, probed: int = 0, **in_force: float) -> list[AnyEvent]:
    """An epoch that comes nearer to `best`; `probed` images at each decision so far."""
    accuracy = round(best - 0.3 / number**1.5, 4)
    hits = round(100 * accuracy)
    confusion = [[hits // 2, 50 - hits // 2], [50 - (hits - hits // 2), hits - hits // 2]]
    held = values() | in_force
    return [
        msgspec.structs.replace(batches_trained(number), values=held),
        evaluated(number, "validation", "last", accuracy=accuracy - 0.01, loss=1 - accuracy, confusion=confusion),
        evaluated(number, "validation", "averaged", accuracy=accuracy, loss=0.9 - accuracy, confusion=confusion),
        evaluated(number, "test", "averaged", accuracy=accuracy - 0.005, loss=1 - accuracy, confusion=confusion),
        msgspec.structs.replace(
            epoch_completed(number, images_probed=probed * number, seconds=40.0 * number), values=held
        ),
        checkpoint_saved(number),
    ]


def cells(decision: int, kept: Callable[[int], bool] = lambda number: True) -> list[AnyEvent]:
    """The nearer to the winner the better; the fastest learning rate diverges without decay."""
    events: list[AnyEvent] = []
    best_column, best_row = divmod(WINNERS[decision], len(DECAY.values))
    grid = [(lr, decay) for lr in LR.values for decay in DECAY.values]
    for number, (lr, decay) in enumerate(grid):
        if not kept(number):
            continue
        column, row = divmod(number, len(DECAY.values))
        score = round(0.12 + 0.2 * abs(column - best_column) ** 1.5 + 0.11 * abs(row - best_row) - 0.02 * decision, 4)
        wild = number == len(grid) - len(DECAY.values)
        facts = {"score": None, "loss": None, "diverged": True} if wild else {"score": score, "loss": score}
        both = values(lr) | {"weight_decay": decay}
        scored = candidate_scored(decision, number, accuracy=round(1 / (1 + score), 4), **facts)
        events.append(msgspec.structs.replace(scored, values=both))
    return events


def optimized(seed: int, best: float) -> list[AnyEvent]:
    """All decisions with their epochs; the second one predicts what it has not measured."""
    events: list[AnyEvent] = [
        run_started(seed=seed, epochs=EPOCHS, searched=[LR, DECAY], dataset="medmnist", class_names=["ill", "well"])
    ]
    for decision, candidate in enumerate(WINNERS):
        number = decision + 1
        column, row = divmod(candidate, len(DECAY.values))
        lr, decay = LR.values[column], DECAY.values[row]
        sparse = decision == 1
        events += [
            decision_started(decision, number, axes=[LR, DECAY]),
            *cells(decision, (lambda cell: cell % 2 == 0) if sparse else lambda cell: True),
        ]
        if sparse:
            scores = [0.9 - 0.03 * cell if cell < 12 else None for cell in range(15)]
            events.append(LandscapePredicted(decision=decision, scores=scores))
        held = values(lr) | {"weight_decay": decay}
        events += [
            msgspec.structs.replace(
                chosen(decision, number, candidate=candidate, images_probed=300 * number), values=held
            ),
            *epoch(number, best, 300, lr=lr, weight_decay=decay),
        ]
    return [*events, completed(best, 300)]


def baseline(seed: int, best: float) -> list[AnyEvent]:
    """Its weight decay is 0, which no logarithmic axis shows."""
    events = [run_started(arm="baseline", strategy="fixed", seed=seed, epochs=EPOCHS, searched=[], dataset="medmnist")]
    for number in range(1, EPOCHS + 1):
        events += epoch(number, best)
    return [*events, completed(best, 0)]


def completed(best: float, probed: int) -> AnyEvent:
    facts = {"images_probed": probed * EPOCHS, "cost": 1 + probed / 100, "seconds": 40.0 * EPOCHS}
    return run_completed(EPOCHS, test_accuracy=best - 0.03, **facts)


def example(stack: ExitStack) -> HptuiApp:
    """Two pairs are done; the optimized run of the third is within its third decision."""
    study = new_study(
        EXAMPLE,
        epochs=EPOCHS,
        runs=3,
        dataset="digits",
        search={"lr": "1e-4:1e-2:log:5", "weight_decay": "1e-6:1e-2:log:3"},
    )
    for seed, best in enumerate((0.90, 0.92, 0.91)):
        write(study, "baseline", seed, baseline(seed, best))
    for seed, best in enumerate((0.95, 0.93)):
        write(study, "optimized", seed, optimized(seed, best))
    whole = optimized(2, 0.94)
    second = [index for index, event in enumerate(whole) if type(event).__name__ == "DecisionStarted"][2]
    run = write(study, "optimized", 2, [*whole[: second + 1], *cells(2)[:8], cells(2)[12]])
    stack.enter_context(Presence(study.directory))
    stack.enter_context(Presence(run))
    return HptuiApp(watch=EXAMPLE)


def several(stack: ExitStack) -> HptuiApp:
    """A study in each state, and one with a name that no terminal should obey."""
    begun = [run_started(), *trained_epoch(1)]
    ends: dict[str, list[AnyEvent]] = {
        "20250615-150640-digits-grid": begun,
        "paused-for-lunch": [*begun, RunPaused(by="me@here")],
        "waiting": [],
        "the-power-went": begun,
        "stopped-by-hand": [*begun, RunStopped(reason="SIGINT", epoch=1, step=5)],
        "out-of-memory": [*begun, RunFailed(error="ValueError: x")],
        "[red]x\x1b[31m": whole_run(),
        "a-name-that-is-much-longer-than-any-column-of-the-table-can-be": whole_run(),
    }
    for age, (name, events) in enumerate(ends.items()):
        study = new_study(STUDIES / name, age, baseline="none", model="small_resnet" if age % 2 else "lenet")
        run = write(study, "optimized", 0, events)
        if age < 2:
            stack.enter_context(Presence(study.directory))
            stack.enter_context(Presence(run))
    bad = new_study(STUDIES / "damaged", 9).directory
    (bad / STUDY_FILE).write_text("= 3", "utf-8")
    return HptuiApp()


def clinic(stack: ExitStack) -> HptuiApp:
    """A finished study of two classes, with what was read, and the test images that are most wrong."""
    study = two_class_study(EXAMPLE)
    splits = {name: SplitSummary([count, 40], 9) for name, count in (("train", 400), ("validation", 60), ("test", 30))}
    files = "610 of 512 x 512 pixels, 8 bits, grey; brought to 28 x 28"
    notes = ["left out, hidden: 1 (.thumbs)", "no validation images of its own: 100 of 540 were taken from training"]
    data = DataSummary(
        "lungs", ["benign", "malignant"], splits, 1, 28, 28, "uint8", 0, 255, 90, 60, 256, 2, 1, notes, files
    )
    edit_study(EXAMPLE, lambda text: f"{text}\n{tomli_w.dumps({'data': msgspec.to_builtins(data)})}")
    for arm, seed, run in study.runs():
        answers = read_predictions(run)
        assert answers is not None
        wrong = most_wrong_images(answers, 8)
        shades = np.add.outer(np.arange(28), np.arange(28)) * 4 + 5 * seed + (arm == "optimized")
        pixels = np.stack([(shades[None] + 9 * number).astype(np.uint8) for number in range(len(wrong))])
        write_wrong_images(run, WrongPixels(wrong, pixels))
    return HptuiApp(watch=EXAMPLE)


class FakeTraining:
    """It prepares for ever."""

    doing = ""
    study: Path | None = None
    error: str | None = None
    alive = True

    def stop(self, reason: str) -> None:
        self.alive = False


def nothing(stack: ExitStack) -> HptuiApp:
    """No study; a new one can be begun."""

    def start(config: StudyConfig) -> FakeTraining:
        raise AssertionError("no picture starts a training")

    return HptuiApp(start=start)


def preparing(stack: ExitStack) -> HptuiApp:
    return HptuiApp(begin=FakeTraining)


# ---- the screens


Step = tuple[str, ...] | Callable[[HptuiApp], None]
"""keys to press, or what else is done"""


@dataclass(frozen=True)
class Place:
    """A screen: how to get there, and what has to be seen there in whole, in a small terminal too."""

    app: Callable[[ExitStack], HptuiApp]
    seen: tuple[str, ...]
    steps: tuple[tuple[Step, str], ...] = ()
    """each with the words that tell that it has had its effect"""
    enlarged: bool = False
    """a panel that a large terminal shows beside others: z shows it alone"""


HELP = "? Help"
ADVICE = "i Advice"
"""in the footer of a dashboard once a thread has compared the runs, which may take a while"""


def panel(number: int, *seen: str) -> Place:
    return Place(
        example, (*seen, "running", ADVICE, HELP), (((), "decision 3/3"), ((str(number),), seen[0])), enlarged=True
    )


def whole_screen(number: int, *seen: str) -> Place:
    """A panel that has no place on the grid."""
    return Place(clinic, (*seen, "finished", HELP), (((), "finished"), ((), ADVICE), ((str(number),), seen[0])))


def epochs(app: HptuiApp) -> Row:
    (row,) = [row for row in app.screen.query(Row) if row.setting == "epochs"]
    return row


def mistype(app: HptuiApp) -> None:
    """At once: in this form each key that is pressed takes a test 0.2 s."""
    epochs(app).query_one(Input).post_message(Paste("many"))


def over(key: str, *seen: str, more: tuple[tuple[Step, str], ...] = ()) -> Place:
    """A dialog over the dashboard."""
    # behind a dialog the footer stays as it is: first the runs have been compared
    return Place(example, seen, (((), "decision 3/3"), ((), ADVICE), ((key,), seen[0]), *more))


PLACES = {
    "list": Place(
        several,
        (
            "[red]x?[31m", "running", "paused", "waiting", "lost", "stopped", "failed", "finished", "unreadable",
            "New", "Quit", HELP,
        ),
    ),
    "empty": Place(nothing, ("no studies in studies yet", "press n for a new study", HELP)),
    "form": Place(nothing, ("cost about", "Start", "Back", HELP), (((), "press n"), (("n",), "cost about"))),
    "form-error": Place(
        nothing,
        ("! expected a whole number", "to mend: epochs", "Start", "Back"),
        (
            ((), "press n"),
            (("n",), "cost about"),
            (lambda app: epochs(app).focus_first(), "epochs: "),
            (mistype, "to mend"),
        ),
    ),
    "dashboard": Place(example, ("running", "decision 3/3", ADVICE, HELP)),
    "cursor": Place(
        example,
        ("predicted, not measured |", ADVICE, HELP),
        (((), "decision 3/3"), ((), ADVICE), (("h", "c", "h"), "not measured | ")),
    ),
    "panel-1": panel(1, "decision 3/3", "not measured"),
    "panel-2": panel(2, "learning rate"),
    "panel-3": panel(3, "lowest to highest"),
    "panel-4": panel(4, "spec %", "optimized-2", "95 %"),
    "panel-5": panel(5, "/ filter", "decision 3 for epoch 3"),
    "panel-7": whole_screen(7, "Most wrong", "called"),
    "panel-8": whole_screen(8, "lungs: 610 images", "malignant", "taken from training"),
    "ranges": over("r", "Apply (ctrl+s)", "Cancel (esc)", "5 x 3 = 15 cells"),
    "ranges-error": over(
        "r", "Apply (ctrl+s)", "Cancel (esc)", "to mend: lr", more=((("tab", *"2"), "has to be less than high"),)
    ),
    "number": over("plus", "OK (enter)", "Cancel (esc)"),
    "choice": over("x", "begin the next", "The whole study", "Cancel"),
    "help": over("question_mark", "Other axes"),
    "palette": over("ctrl+p", "Colour map"),
    "preparing": Place(preparing, ("reading data and building the network ...",)),
}  # fmt: skip


def strips(app: HptuiApp, *, behind: bool) -> list[list[Segment]]:
    """Line by line what the terminal gets, with or without what shows through from behind a dialog."""
    visible_screen_stack.set(app._background_screens if behind else [])
    return [list(strip) for strip in app.screen._compositor.render_strips()]


def text(app: HptuiApp, *, behind: bool = False) -> str:
    return "\n".join("".join(segment.text for segment in line) for line in strips(app, behind=behind))


def missing(place: Place, app: HptuiApp) -> list[str]:
    """What has to be seen and is not."""
    shown = text(app)
    return [words for words in place.seen if words not in shown]


def colours(app: HptuiApp) -> set[tuple[str, str]]:
    """Texts with a colour that is no grey, or that is the terminal's to choose."""
    found = set()
    for segment in itertools.chain(*strips(app, behind=True)):
        for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
            if colour is not None and (colour.triplet is None or len(set(colour.triplet)) > 1):
                found.add((segment.text, str(colour)))
    return found


async def until(app: HptuiApp, pilot: Pilot[None], condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"waited too long for {what}; the screen shows:\n{text(app)}"
        await asyncio.sleep(0.02)


def footers_are_current(app: HptuiApp) -> bool:
    """Whether each footer, behind a dialog too, shows what can be done now."""
    return all(footer.is_current for screen in app.screen_stack for footer in screen.query(KeysLine))


async def quiet(app: HptuiApp, pilot: Pilot[None]) -> str:
    """The picture, once nothing moves any more: the dashboard has looked at its study again, and it is the same."""

    def works_beside() -> bool:
        return any(worker.is_running and worker._thread_worker for worker in app.workers)

    for field in app.screen.query(Input):
        field.cursor_blink = False
    boards = [screen for screen in app.screen_stack if isinstance(screen, Dashboard)]

    async def looked() -> list[list[Segment]]:
        for board in boards:
            before = board._shown
            await until(app, pilot, lambda board=board, before=before: board._shown > before, "the next look")
        await until(app, pilot, lambda: not works_beside(), "the threads' end")
        await until(app, pilot, lambda: footers_are_current(app), "the footers")
        await pilot.pause()
        return strips(app, behind=True)

    before, now = None, await looked()
    while now != before or app.screen.query("LoadingIndicator.--visible"):
        before, now = now, await looked()
    return picture(app)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PLACES)
def test_every_screen_looks_as_it_did(
    name: str, look: str, snapshot: SnapshotAssertion, subtests: pytest.Subtests, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = PLACES[name]
    monkeypatch.delenv("NO_COLOR", raising=False)
    if look == "mono":
        monkeypatch.setenv("NO_COLOR", "1")
    save_settings(LOOKS[look])

    async def shown(app: HptuiApp, pilot: Pilot[None], size: tuple[int, int]) -> str:
        await pilot.resize_terminal(*size)
        if place.enlarged and size != SIZES[0] and not app.screen.query(".-one"):
            await until(app, pilot, lambda: not app.screen.query(".-tabs"), "more than one panel")
            await pilot.press("z")
        await until(app, pilot, lambda: not missing(place, app), f"all of {place.seen}")
        drawn = await quiet(app, pilot)
        assert missing(place, app) == []
        if look == "ascii":
            assert text(app, behind=True).isascii()
        if look == "mono":
            assert colours(app) == set()
        return drawn

    async def main() -> dict[str, str]:
        with ExitStack() as stack:
            app = place.app(stack)
            async with app.run_test(size=SIZES[0]) as pilot:
                for step, words in place.steps:
                    if callable(step):
                        step(app)
                    else:
                        await pilot.press(*step)
                    await until(app, pilot, lambda words=words: words in text(app), words)
                return {f"{size[0]}x{size[1]}": await shown(app, pilot, size) for size in SIZES}

    for size, drawn in asyncio.run(main()).items():
        with subtests.test(size):
            assert drawn == snapshot(name=size, extension_class=Svg)
