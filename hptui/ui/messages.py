"""What the list of studies and the form ask of the app, which imports neither of them before it shows one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.message import Message

from hptui.config import StudyConfig

Draft = dict[str, list[Any]]
"""what stands in the fields of a form, right or wrong, by the setting of each row"""


class OpenStudy(Message):
    """Somebody wants to see a study."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        super().__init__()


class NewStudy(Message):
    """Somebody wants the form for a new study."""


class StartStudy(Message):
    """Somebody wants this study to be trained."""

    def __init__(self, config: StudyConfig) -> None:
        self.config = config
        super().__init__()


class LeaveForm(Message):
    """Somebody wants no new study after all, or not yet."""

    def __init__(self, draft: Draft | None = None) -> None:
        self.draft = draft
        """what was typed, to go on with; None: nothing"""
        super().__init__()
