"""What the list of studies and the form ask of the app, which imports neither of them before it shows one."""

from __future__ import annotations

from pathlib import Path

from textual.message import Message

from hptui.config import StudyConfig


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
    """Somebody wants this study to be trained."""

    def __init__(self, config: StudyConfig) -> None:
        self.config = config
        super().__init__()


class LeaveForm(Message):
    """Somebody wants no new study after all."""
