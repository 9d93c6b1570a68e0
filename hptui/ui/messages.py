"""What the list of studies and the form ask of the app, which imports neither of them before it shows one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    from hptui.config import StudyConfig
    from hptui.reading.alerts import Alert

Draft = dict[str, list[Any]]
"""what stands in the fields of a form, right or wrong, by the setting of each row"""


class OpenStudy(Message):
    """Somebody wants to see a study."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        super().__init__()


class NewStudy(Message):
    """Somebody wants the form for a new study, filled in with these settings or empty."""

    def __init__(self, config: StudyConfig | None = None) -> None:
        self.config = config
        super().__init__()


class ResumeStudy(Message):
    """Somebody wants a study that was interrupted to go on."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        super().__init__()


class StartStudy(Message):
    """Somebody wants this study to be trained, in this process or, `detached`, in one of its own."""

    def __init__(self, config: StudyConfig, *, detached: bool = False) -> None:
        self.config, self.detached = config, detached
        super().__init__()


class Alerted(Message):
    """Something has happened that somebody who looks elsewhere should know."""

    def __init__(self, alert: Alert) -> None:
        self.alert = alert
        super().__init__()


class Warned(Message):
    """A thread beside the training has something to say; it does not wait until the screen has shown it."""

    def __init__(self, words: str) -> None:
        self.words = words
        super().__init__()


class LeaveForm(Message):
    """Somebody wants no new study after all, or not yet."""

    def __init__(self, draft: Draft | None = None) -> None:
        self.draft = draft
        """what was typed, to go on with; None: nothing"""
        super().__init__()
