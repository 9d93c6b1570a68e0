"""A screen whose keys ask whoever trains a study: pause, step, other ranges, other values, more epochs, stop."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.screen import Screen

from hptui.commands import (
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
from hptui.errors import HptuiError
from hptui.presence import is_written
from hptui.space import Values, describe
from hptui.study_directory import open_study
from hptui.ui._dialogs import ChoiceDialog, NumberDialog
from hptui.ui._ranges_dialog import RangesDialog
from hptui.ui._viewer import Viewer


class SteeringScreen(Screen[None]):
    """Requests go into the study's folder; what becomes of them is read from its logs like everything else."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "Pause"),
        Binding("s", "step", "Step"),
        Binding("r", "ranges", "Ranges"),
        Binding("plus", "add_epochs", "Epochs+", key_display="+"),
        Binding("x", "stop", "Stop"),
        Binding("u", "release", "Strategy decides", show=False),
    ]

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self._sender = CommandSender(viewer.followed.study.directory)

    def send(self, command: AnyCommand, words: str) -> bool:
        """Ask whoever trains this study; False with a notice if nobody does, or the folder cannot be written."""
        if not is_written(self.viewer.followed.study.directory):
            self.notify("nobody trains this study now; hptui resume goes on with it", severity="warning", markup=False)
            return False
        try:
            self._sender.send(command)
        except HptuiError as error:
            self.notify(str(error), severity="error", markup=False)
            return False
        self.notify(words, markup=False)
        return True

    def use(self, values: Values) -> None:
        """Train with these from the next decision on."""
        self.send(UseValues(values=values), f"from the next decision on: {describe(values)}")

    def action_pause(self) -> None:
        paused = any(run.status == "paused" for run in self.viewer.followed.runs)
        self.send(Continue() if paused else Pause(), "going on" if paused else "pausing")

    def action_step(self) -> None:
        self.send(StepEpoch(), "one epoch, then pause")

    def action_release(self) -> None:
        self.send(UseValues(values={}), "the strategy chooses again from the next decision on")

    @work
    async def action_ranges(self) -> None:
        """Edit the ranges, with the resulting grid shown before it is applied."""
        try:
            config = open_study(self.viewer.followed.study.directory).config
        except HptuiError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        search = await self.app.push_screen_wait(RangesDialog(config.space, self.viewer.run.state.values))
        if search is not None:
            self.send(ChangeRanges(search=search), "new ranges from the next decision on")

    @work
    async def action_add_epochs(self) -> None:
        number = await self.app.push_screen_wait(NumberDialog("How many epochs more, for every run?"))
        if number is not None:
            self.send(AddEpochs(epochs=number), f"{number} epochs more")

    @work
    async def action_stop(self) -> None:
        answers = {"run": "This run, begin the next", "study": "The whole study"}
        answer = await self.app.push_screen_wait(ChoiceDialog("Stop with a checkpoint?", answers))
        if answer is not None:
            self.send(StopRun() if answer == "run" else StopStudy(), f"stopping the {answer} with a checkpoint")
