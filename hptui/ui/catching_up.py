"""Reading of long logs that are there already, with a picture of them now and then."""

from __future__ import annotations

import time

from hptui.ui.viewer import Viewer

READ_SECONDS = 0.05
"""of a long log at a time: keys are answered in between"""
BEHIND_SECONDS = 1.0
"""between two pictures of a log that is still being read, at least: drawing takes longer than reading"""
READ_BETWEEN = 4.0
"""times what a picture took for which is read before the next one: the more runs, the longer both take"""


class CatchingUp:
    """Decides, while old logs are read, what comes next: more of them, or a picture."""

    def __init__(self) -> None:
        self.is_behind = True
        """old lines of a log are still to be read"""
        self._begun = time.thread_time()
        """when the last picture was begun, in seconds of the processor for this thread"""
        self._read = 0.0
        """of these seconds, spent on reading since"""

    def read(self, viewer: Viewer) -> bool:
        """Read for a moment; whether there is more to read."""
        began = time.thread_time()
        behind = viewer.read_on(READ_SECONDS)
        self._read += time.thread_time() - began
        return behind

    def begin_picture(self, *, behind: bool) -> None:
        """Count anew from here on; `behind`: with what is read so far, and there is more."""
        self.is_behind = behind
        self._read, self._begun = 0.0, time.thread_time()

    def is_picture_due(self, shown: float) -> bool:
        """Whether it is time for another picture, of which one was `shown` last (`time.monotonic`; 0: none yet)."""
        drawing = time.thread_time() - self._begun - self._read
        is_read = self._read >= READ_BETWEEN * drawing
        return not shown or (is_read and time.monotonic() - shown >= BEHIND_SECONDS)
