"""A note on a study, in the user's own words, kept in its folder.

STUDY/note.txt     UTF-8, a line or a few
"""

from __future__ import annotations

from pathlib import Path

from hptui.errors import RunDirectoryError
from hptui.opening import open_regular
from hptui.record.files import replace_file
from hptui.record.write_errors import cannot_write

NOTE_FILE = "note.txt"
LONGEST = 4000
"""characters that are read: a note, not a book"""


def read_note(study: Path) -> str:
    """The note; empty where there is none, or none that can be read."""
    try:
        with open_regular(study / NOTE_FILE) as file:
            return file.read(4 * LONGEST).decode("utf-8", "replace")[:LONGEST].strip()
    except OSError:
        return ""


def write_note(study: Path, note: str) -> None:
    """Keep a note in the place of the one before; an empty one takes it away."""
    path, note = study / NOTE_FILE, note.strip()
    if len(note) > LONGEST:
        raise RunDirectoryError(f"the note has {len(note)} characters; {LONGEST} are kept. Put it in a file beside.")
    try:
        if note:
            replace_file(path, f"{note}\n".encode("utf-8", "replace"))
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise RunDirectoryError(cannot_write(path, error, len(note), then="try again")) from None
