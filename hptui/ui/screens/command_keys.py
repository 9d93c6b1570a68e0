"""Keys that ask whoever trains a study: pause, step, other ranges, other values, more epochs, stop."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from textual.binding import Binding, BindingType
from textual.screen import Screen

from hptui import registry
from hptui.errors import HptuiError
from hptui.hyperparameters import Values
from hptui.planning import new_strategy
from hptui.reading.studies import AT_WORK, FollowedStudy
from hptui.record.commands import (
    AddEpochs,
    AnyCommand,
    ChangeRanges,
    CommandSender,
    Continue,
    Pause,
    StepEpoch,
    StopRun,
    StopStudy,
    UseValues,
)
from hptui.record.presence import is_written
from hptui.record.study_directory import open_study
from hptui.space import describe, parse_range
from hptui.ui.screens.dialogs import ChoiceDialog, NumberDialog, Questions
from hptui.ui.screens.helped import NOT_NOW
from hptui.ui.screens.ranges_dialog import RangesDialog
from hptui.ui.viewer import Viewer

KEYS: list[BindingType] = [
    Binding("space", "steer('pause')", "Pause"),
    Binding("space", "steer('continue')", "Continue"),
    Binding("s", "steer('step')", "Step", show=False),
    Binding("r", "steer('ranges')", "Ranges"),
    Binding("plus", "steer('epochs')", "Epochs", key_display="+"),
    Binding("x", "steer('stop')", "Stop"),
    Binding("u", "steer('release')", "Search"),
    Binding("space", "ask('pause')", tooltip=f"Pause {NOT_NOW}", show=False),
    Binding("s", "ask('step')", tooltip=f"Step {NOT_NOW}", show=False),
    Binding("r", "ask('ranges')", tooltip=f"Ranges {NOT_NOW}", show=False),
    Binding("plus", "ask('epochs')", tooltip=f"Epochs {NOT_NOW}", show=False, key_display="+"),
    Binding("x", "ask('stop')", tooltip=f"Stop {NOT_NOW}", show=False),
    Binding("u", "ask('release')", tooltip=f"Search {NOT_NOW}", show=False),
]
"""what is offered now stands in the footer; where it is not, the same key asks all the same, and is told why not; it
has no description, so that it is in no palette: its tooltip is for the help"""
HELD = "in this run the strategy decides nothing until u lets it choose again"
LOOK_SECONDS = 0.2
"""between two looks at who trains: the footer asks once for each of its keys"""


class CommandKeys:
    """Commands go into the study's folder; what becomes of them is read from its logs like everything else."""

    def __init__(self, screen: Screen[Any], viewer: Viewer, questions: Questions) -> None:
        """Steer the study of `viewer`; `screen` shows the notices, and `questions` its dialogs."""
        self._screen, self._viewer, self._questions = screen, viewer, questions
        self._sender = CommandSender(viewer.followed.study.directory)
        self._ranges: tuple[dict[str, str], dict[str, str]] | None = None
        """the ranges in force when others were asked for last, and those"""
        self._looked, self._offered = float("-inf"), frozenset[str]()
        self.commands: dict[str, Callable[[], Awaitable[None]]] = {
            "pause": self.pause,
            "continue": self.pause,
            "step": self.step,
            "ranges": self.change_ranges,
            "epochs": self.add_epochs,
            "stop": self.stop,
            "release": self.release,
        }
        """by the word that a key has for it; they may wait for a dialog, so they belong into a worker"""

    @property
    def offered(self) -> frozenset[str]:
        """Words of the commands that make sense now."""
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._offered = self._look()
        return self._offered

    def _look(self) -> frozenset[str]:
        followed = self._viewer.followed
        if not is_written(followed.study.directory):
            return frozenset()
        paused = any(run.status == "paused" for run in followed.runs)
        always = {"step", "epochs", "stop", "continue" if paused else "pause"}
        held = [bool(run.state.by_hand) for run in followed.runs if run.status in AT_WORK]
        offered = always | ({"release"} if any(held) else set())
        if _searches(followed) and not (held and all(held)):  # until a strategy is let search again, no range is used
            offered.add("ranges")
        return frozenset(offered)

    def _is_trained(self) -> bool:
        """Whether somebody trains this study; a notice if nobody does."""
        if is_written(self._viewer.followed.study.directory):
            return True
        words = "nobody trains this study now; hptui resume goes on with it"
        if self._viewer.followed.status == "finished":
            words = "this study is finished, so there is nothing to steer"
        self._screen.notify(words, severity="warning", markup=False)
        return False

    def _looks_at_trained(self) -> bool:
        """Whether the run that is looked at is the one that is trained; a notice if it is not."""
        run = self._viewer.run
        if not self._is_trained():
            return False
        if run.status not in ("running", "paused"):
            words = f"{run.name} is {run.status}: only a run that is trained now can be asked (f goes to one)"
            self._screen.notify(words, severity="warning", markup=False)
            return False
        return True

    def _send(self, command: AnyCommand, words: str) -> None:
        """Ask whoever trains this study; a notice if the folder cannot be written."""
        try:
            self._sender.send(command)
        except HptuiError as error:
            self._screen.notify(str(error), severity="error", markup=False)
        else:
            self._screen.notify(words, markup=False)

    def use(self, values: Values) -> None:
        """Train with these from the next decision on; without any the strategy chooses again."""
        words = f"from the next decision on: {describe(values)}; {HELD}" if values else "the strategy chooses again"
        if self._looks_at_trained():
            self._send(UseValues(run=self._viewer.run.name, values=values), words)

    async def release(self) -> None:
        self.use({})

    async def pause(self) -> None:
        """Pause, or go on."""
        paused = any(run.status == "paused" for run in self._viewer.followed.runs)
        if self._is_trained():
            self._send(Continue() if paused else Pause(), "going on" if paused else "pausing")

    async def step(self) -> None:
        if self._is_trained():
            self._send(StepEpoch(), "one epoch, then pause")

    async def change_ranges(self) -> None:
        """Edit the ranges, with the resulting grid shown before it is applied."""
        if not self._is_trained():
            return
        if not _searches(self._viewer.followed):
            self._screen.notify("nothing is searched in this study: there are no ranges", severity="warning")
            return
        try:
            config = open_study(self._viewer.followed.study.directory).config
        except HptuiError as error:
            self._screen.notify(str(error), severity="error", markup=False)
            return
        space = config.space
        if self._ranges is not None and self._ranges[0] == config.search:  # what was asked for is still to come
            space = {name: parse_range(name, text, installed=False) for name, text in self._ranges[1].items()}
        search = await self._questions.ask(RangesDialog(space, self._viewer.run.state.values))
        if search is not None:
            self._ranges = config.search, search
            self._send(ChangeRanges(search=search), "new ranges from the next decision on")

    async def add_epochs(self) -> None:
        if not self._is_trained():
            return
        number = await self._questions.ask(NumberDialog("How many epochs more, for every run?"))
        if number is not None:
            self._send(AddEpochs(epochs=number), f"{number} more epoch{'s' * (number > 1)}")

    async def stop(self) -> None:
        if not self._is_trained():
            return
        answers = {"run": f"{self._viewer.run.name}, begin the next", "study": "The whole study"}
        answer = await self._questions.ask(ChoiceDialog("Stop with a checkpoint?", answers))
        if answer == "study":
            self._send(StopStudy(), "stopping the study with a checkpoint")
        elif answer == "run" and self._looks_at_trained():
            name = self._viewer.run.name
            self._send(StopRun(run=name), f"stopping {name} with a checkpoint")


def _searches(followed: FollowedStudy) -> bool:
    """Whether any value is searched: by the runs that have begun, else by the settings, budget or not."""
    begun = [run.state.started for run in followed.runs if run.arm == "optimized" and run.state.started is not None]
    if begun:
        return any(started.searched for started in begun)
    config = followed.study.config
    return registry.is_own(config.strategy) or (bool(config.space) and new_strategy(config, "optimized").searches)
