"""The end of this process: all that Python does at its end, but for taking apart what was imported.

With torch that takes a second, in which a user looks at a terminal without a prompt.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
import threading
from typing import NoReturn

WRITERS = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)


def leave(code: int) -> NoReturn:
    """End with this exit code; at once where torch was imported."""
    if "torch" not in sys.modules:
        sys.exit(code)
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are no daemons, as Python does
    atexit._run_exitfuncs()
    # own code may have left some open; their types are asked, since an object may do anything when it is asked
    for writer in [one for one in gc.get_objects() if issubclass(type(one), WRITERS)]:
        try:
            if not writer.closed:
                writer.flush()
        except (OSError, ValueError):
            continue  # a file that cannot be written, or not any more; Python says nothing either
    import ctypes  # torch has it imported; without torch it would only hold up the start

    ctypes.CDLL(None).fflush(None)  # libraries written in C print too
    os._exit(code)
