"""What the list of studies does with those that are marked, or with the one under the cursor; it asks first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.text import Text
from textual.screen import Screen

from hptui.config import StudyConfig
from hptui.errors import HptuiError
from hptui.reading.listing_words import details, run_words
from hptui.reading.studies import RESUMABLE
from hptui.reading.study_line import UNREADABLE
from hptui.record.housekeeping import checked_name, clean_study, delete_study, rename_study
from hptui.record.housekeeping_words import clean_question, delete_question
from hptui.record.localizing import localized
from hptui.record.notes import write_note
from hptui.record.own_code import code_question, remember_code, unknown_code
from hptui.record.study_directory import open_study
from hptui.record.study_folders import shown
from hptui.ui.drawing.literal import literal
from hptui.ui.messages import NewStudy, ResumeStudy
from hptui.ui.screens.comparison import Comparer, ComparisonScreen
from hptui.ui.screens.dialogs import ChoiceDialog, FullTextDialog, Questions
from hptui.ui.screens.text_dialog import TextDialog
from hptui.ui.widgets.study_table import StudyTable

CANNOT_REMEMBER = "your state folder cannot be written, so that cannot be remembered; hptui resume --trust does without"


class Confirmation(ChoiceDialog):
    """A question whose answer cannot be taken back: Enter alone does nothing."""

    AUTO_FOCUS = "#cancel"


class StudyActions:
    """Changes go into the studies' folders; the list reads them from there like everything else."""

    def __init__(self, screen: Screen[Any], compare: Comparer | None, changed: Callable[[], object]) -> None:
        """Act on the table of `screen`; `changed` is called when something has changed on the disk."""
        self._screen, self._compare, self._changed = screen, compare, changed
        self._questions = Questions(screen)
        self.actions: dict[str, Callable[[], Awaitable[None]]] = {
            "compare": self.compare,
            "details": self.details,
            "resume": self.resume,
            "new_like": self.new_like,
            "rename": self.rename,
            "note": self.note,
            "delete": self.delete,
            "clean": self.clean,
        }
        """by the word that a key has for it; they may wait for a dialog, so they belong into a worker"""

    @property
    def _table(self) -> StudyTable:
        return self._screen.query_one(StudyTable)

    def can(self, action: str) -> bool:
        """Whether there is something to do it with: what cannot be done is not offered."""
        current, chosen = self._table.current, self._table.chosen
        match action:
            case "compare":
                return self._compare is not None and any(line.state != UNREADABLE for line in chosen)
            case "resume":
                return current is not None and current.state in RESUMABLE
            case "new_like":
                return current is not None and current.state != UNREADABLE
            case _:
                return current is not None

    def _say(self, words: str, severity: Any = "information") -> None:
        self._screen.notify(words, severity=severity, markup=False)

    async def compare(self) -> None:
        """Show the comparison of the marked studies; of a single one, baseline against optimized."""
        directories = [line.directory for line in self._table.chosen if line.state != UNREADABLE]
        if self._compare is not None and directories:
            await self._questions.ask(ComparisonScreen(directories, self._compare))

    async def details(self) -> None:
        """All there is to say of the study under the cursor, with its whole name and note."""
        line = self._table.current
        if line is not None:
            words = "\n".join(map(literal, [shown(line.directory.name), *details(line), *run_words(line)]))
            await self._questions.ask(FullTextDialog("study", Text(words)))

    async def resume(self) -> None:
        line = self._table.current
        if line is not None and await self._may_run(line.directory):
            self._screen.post_message(ResumeStudy(line.directory))

    async def new_like(self) -> None:
        """The form with the settings of this study, as they were in the end, and the paths of this machine."""
        line = self._table.current
        if line is not None and await self._may_run(line.directory):
            try:
                config = _settings(line.directory)
            except HptuiError as error:
                self._say(str(error), "error")
            else:
                self._screen.post_message(NewStudy(config))

    async def _may_run(self, directory: Path) -> bool:
        """Whether the code that a study brings along may be run; of what nobody here knows, somebody is asked."""
        try:
            code = await asyncio.to_thread(lambda: unknown_code(open_study(directory)))
        except (HptuiError, OSError) as error:
            self._say(str(error), "error")
            return False
        if code is None:
            return True
        if await self._questions.ask(Confirmation(literal_lines(code_question(code)), {"run": "Run it"})) is None:
            return False
        if not remember_code(code):
            self._say(CANNOT_REMEMBER, "error")
            return False
        return True

    async def rename(self) -> None:
        line = self._table.current
        if line is None:
            return
        name = line.directory.name
        question = f"Another name for {literal(name)}"
        other = await self._questions.ask(TextDialog(question, name, checked_name))
        if other is not None and other != name:
            await self._do(lambda: rename_study(line.directory, other), f"{name} is called {other} now")

    async def note(self) -> None:
        line = self._table.current
        if line is None:
            return
        before = " ".join(line.note.split())
        question = f"A note on {literal(line.directory.name)} (in the list and in its report)"
        note = await self._questions.ask(TextDialog(question, before))
        if note is not None and note != before:
            await self._do(lambda: write_note(line.directory, note), "noted" if note else "the note is gone")

    async def delete(self) -> None:
        await self._ask_and_do(delete_question, {"delete": "Delete"}, delete_study, "deleted")

    async def clean(self) -> None:
        await self._ask_and_do(clean_question, {"clean": "Remove them"}, clean_study, "cleaned")

    async def _ask_and_do(
        self,
        question: Callable[[Sequence[Path]], tuple[str, list[Path]]],
        answers: dict[str, str],
        work: Callable[[Path], object],
        done: str,
    ) -> None:
        """Say what would go, and how much; do it if somebody says so, in a thread, study by study."""
        directories = [line.directory for line in self._table.chosen]
        words, concerned = await asyncio.to_thread(question, directories)
        if not concerned:
            self._say(words, "warning")
        elif await self._questions.ask(Confirmation(literal_lines(words), answers)) is not None:
            self._table.unmark_all()

            def every() -> None:
                for directory in concerned:
                    work(directory)

            name = literal(concerned[0].name) if len(concerned) == 1 else f"{len(concerned)} studies"
            await self._do(every, f"{done} {name}")

    async def _do(self, work: Callable[[], object], words: str) -> None:
        """Do it in a thread; say so, or what went wrong."""
        try:
            await asyncio.to_thread(work)
        except (HptuiError, OSError) as error:
            self._say(str(error), "error")
        else:
            self._say(literal(words))
        self._changed()


def literal_lines(text: str) -> str:
    """Several lines, each as it may stand on a screen."""
    return "\n".join(map(literal, text.splitlines()))


def _settings(directory: Path) -> StudyConfig:
    """Settings for another study like this one, where its data and files are on this machine."""
    study = open_study(directory)
    return msgspec.structs.replace(localized(study), out=None)
