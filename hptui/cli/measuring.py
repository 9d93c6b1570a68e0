"""A measurement of this machine's speed in a process of its own, for a form that waits for the answer in a thread.

As a module it is that process (`python -m hptui.cli.measuring`): settings as JSON on stdin, the answer as one line of
JSON on stdout.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable

import msgspec

from hptui.cli.exit_codes import DONE
from hptui.cli.leaving import leave
from hptui.config import StudyConfig
from hptui.machine import same_python
from hptui.planning import Refused, Speed

POLL_SECONDS = 0.05
MODULE = "hptui.cli.measuring"
_decoder = msgspec.json.Decoder(Speed | Refused)


def measure_apart(config: StudyConfig, should_stop: Callable[[], bool]) -> Speed | Refused | None:
    """Measure a study's speed; None if `should_stop`, asked now and then, says that nobody waits for it.

    A process: to import torch would hold up the screen for seconds, and a network of the user's own that crashes takes
    nothing with it.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with tempfile.TemporaryFile() as question, tempfile.TemporaryFile() as said:
        question.write(msgspec.json.encode(config))
        question.seek(0)
        try:
            with subprocess.Popen(
                [*same_python(), "-m", MODULE], stdin=question, stdout=subprocess.PIPE, stderr=said, env=environment
            ) as process:
                answer = _wait(process, should_stop)
        except OSError as error:
            return Refused("", f"cannot measure: {error.strerror}")
        if answer is None:
            return None
        with contextlib.suppress(msgspec.DecodeError, IndexError):
            decoded: Speed | Refused = _decoder.decode(answer.splitlines()[-1])
            return decoded
        said.seek(0)
        last = said.read().decode("utf-8", "replace").strip().splitlines()[-1:]
        return Refused("", f"the measurement ended with code {process.returncode}: {''.join(last)}")


def _wait(process: subprocess.Popen[bytes], should_stop: Callable[[], bool]) -> bytes | None:
    """What it answers; None if it was stopped."""
    try:
        while not should_stop():
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.communicate(timeout=POLL_SECONDS)[0]
        return None
    finally:
        process.kill()  # nothing, where it has ended


if __name__ == "__main__":
    from hptui.training.timing import answer

    answer()
    leave(DONE)  # somebody waits for the end
