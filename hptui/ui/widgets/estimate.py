"""The button that has this machine measured: how long a study will take, and whether data and network fit."""

from __future__ import annotations

from textual import work
from textual.message import Message
from textual.widgets import Button
from textual.worker import get_current_worker

from hptui.config import StudyConfig
from hptui.planning import Refused, Speed
from hptui.ui.form_check import Measure, speed_key


class EstimateButton(Button):
    """Knows the last answer, and the settings that it holds for; hidden where nothing can be measured."""

    class Answered(Message):
        """A measurement has come to its end."""

    def __init__(self, measure: Measure | None) -> None:
        super().__init__("Estimate", id="estimate", compact=True)
        self.display = measure is not None
        self._measure = measure
        self._known: tuple[object, Speed | Refused] | None = None
        self.measuring = False

    def remember(self, config: StudyConfig, answer: Speed | Refused) -> None:
        """Take what was found elsewhere."""
        self._known = speed_key(config), answer

    def answer(self, config: StudyConfig) -> Speed | Refused | None:
        """What is known of these settings; None if they are others than those that were measured."""
        return self._known[1] if self._known is not None and self._known[0] == speed_key(config) else None

    def ask(self, config: StudyConfig) -> None:
        """Measure, one at a time; the answer comes with a message."""
        if self._measure is not None and not self.measuring:
            self.measuring = True
            self._ask(self._measure, config)

    def cancel(self) -> None:
        """Stop measuring: nobody waits for it any more."""
        self.workers.cancel_node(self)

    @work(thread=True)
    def _ask(self, measure: Measure, config: StudyConfig) -> None:
        worker = get_current_worker()
        answer = measure(config, lambda: worker.is_cancelled)
        if answer is not None and not worker.is_cancelled:
            self.app.call_from_thread(self._take, config, answer)

    def _take(self, config: StudyConfig, answer: Speed | Refused) -> None:
        self.measuring = False
        self.remember(config, answer)
        self.post_message(self.Answered())
