"""One writer per folder, and how others see that it lives."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock
import msgspec
import pytest
from fabricate import PATIENCE_SECONDS, environment, python, wait_until

from hptui.errors import RunDirectoryError
from hptui.record import presence
from hptui.record.files import replace_file
from hptui.record.presence import HEARTBEAT, Heartbeat, Presence, is_written, read_heartbeat, refuse_if_written

HOLD = """
import sys
from pathlib import Path
from hptui.record.presence import Presence
with Presence(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Start another process that holds the folder until it reads a line or is killed."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLD, str(tmp_path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def write_heartbeat(directory: Path, *, age: float, pid: int | None = None, host: str | None = None) -> None:
    beat = Heartbeat(pid=pid or os.getpid(), host=host or socket.gethostname(), time=time.time() - age)
    (directory / HEARTBEAT).write_bytes(msgspec.json.encode(beat))


@pytest.fixture
def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(PATIENCE_SECONDS)
    return process.pid


def test_the_heartbeat_is_there_while_held_and_gone_after(tmp_path: Path) -> None:
    before = time.time()
    with Presence(tmp_path):
        beat = read_heartbeat(tmp_path)
        assert beat is not None
        assert (beat.pid, beat.host) == (os.getpid(), socket.gethostname())
        assert before - 1 <= beat.time <= time.time()
        assert is_written(tmp_path)
    assert read_heartbeat(tmp_path) is None
    assert not is_written(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] in ([], ["lock"])


def test_the_heartbeat_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.005)
    with Presence(tmp_path):
        first = read_heartbeat(tmp_path)
        assert first is not None
        wait_until(lambda: (beat := read_heartbeat(tmp_path)) is not None and beat.time > first.time)


def test_the_heartbeat_is_removed_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Presence(tmp_path):
        raise ZeroDivisionError
    assert not is_written(tmp_path)
    with Presence(tmp_path):  # and the lock is free again
        pass


def test_a_full_disk_does_not_stop_the_heartbeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(presence, "replace_file", full)
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.001)
    with Presence(tmp_path):
        assert read_heartbeat(tmp_path) is None
        monkeypatch.setattr(presence, "replace_file", replace_file)
        wait_until(lambda: read_heartbeat(tmp_path) is not None)  # the thread lives on and writes as soon as it can


def test_a_second_holder_in_this_process_is_refused(tmp_path: Path) -> None:
    with Presence(tmp_path):
        with pytest.raises(RunDirectoryError, match=f"is being written by process {os.getpid()} on "):
            Presence(tmp_path).__enter__()
        with pytest.raises(RunDirectoryError, match="stop that one first"):
            refuse_if_written(tmp_path)
    refuse_if_written(tmp_path)


def test_a_holder_in_another_process_is_respected_until_it_leaves(
    tmp_path: Path, holder: Callable[[], subprocess.Popen[str]]
) -> None:
    process = holder()
    assert is_written(tmp_path)
    with pytest.raises(RunDirectoryError, match=f"is being written by process {process.pid} on "):
        Presence(tmp_path).__enter__()
    process.communicate("leave\n", timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    with Presence(tmp_path):
        assert is_written(tmp_path)


def test_a_killed_holder_leaves_the_lock_free(tmp_path: Path, holder: Callable[[], subprocess.Popen[str]]) -> None:
    process = holder()
    process.kill()
    process.communicate()
    assert (tmp_path / HEARTBEAT).exists()  # nobody could remove it
    refuse_if_written(tmp_path)  # at once
    with Presence(tmp_path):
        beat = read_heartbeat(tmp_path)
        assert beat is not None
        assert beat.pid == os.getpid()
    assert not is_written(tmp_path)


def test_another_process_sees_this_one(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from hptui.record.presence import Presence\n"
    code += "try:\n    Presence(Path(sys.argv[1])).__enter__()\nexcept Exception as error:\n    print(error)"
    with Presence(tmp_path):
        assert f"is being written by process {os.getpid()}" in python(code, tmp_path).stdout


def test_a_holder_without_a_heartbeat_is_another_process(tmp_path: Path) -> None:
    with Presence(tmp_path):
        (tmp_path / HEARTBEAT).unlink()
        with pytest.raises(RunDirectoryError, match="is being written by another process"):
            Presence(tmp_path).__enter__()


def test_a_folder_that_is_not_there_cannot_be_held(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", "utf-8")
    with pytest.raises(RunDirectoryError, match=r"cannot write in .*file: .*exists"):
        Presence(tmp_path / "file").__enter__()


def test_a_heartbeat_is_believed_while_it_is_fresh(tmp_path: Path, dead_pid: int) -> None:
    assert not is_written(tmp_path)
    write_heartbeat(tmp_path, age=0)
    assert is_written(tmp_path)
    write_heartbeat(tmp_path, age=presence.LOST_AFTER_SECONDS - 1)
    assert is_written(tmp_path)  # this process lives; its disk may be slow
    write_heartbeat(tmp_path, age=presence.LOST_AFTER_SECONDS + 1)
    assert not is_written(tmp_path)
    write_heartbeat(tmp_path, age=0, pid=dead_pid)
    assert not is_written(tmp_path)
    refuse_if_written(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [HEARTBEAT]  # a reader makes no lock


def test_a_process_that_counts_its_processes_by_itself_is_known_by_its_lock(tmp_path: Path, dead_pid: int) -> None:
    """A container with this host's name: its process numbers mean nothing here."""
    with Presence(tmp_path):
        write_heartbeat(tmp_path, age=0, pid=dead_pid)
        assert is_written(tmp_path)
    write_heartbeat(tmp_path, age=0, pid=dead_pid)
    assert not is_written(tmp_path)


def test_a_reader_that_tries_the_lock_does_not_turn_a_writer_away(tmp_path: Path) -> None:
    lock = filelock.FileLock(tmp_path / presence.LOCK, thread_local=False)
    lock.acquire()
    threading.Timer(presence.LOCK_SECONDS / 4, lock.release).start()
    with Presence(tmp_path):
        assert is_written(tmp_path)


def test_of_another_machine_only_silence_is_known(tmp_path: Path, dead_pid: int) -> None:
    write_heartbeat(tmp_path, age=1, pid=dead_pid, host="elsewhere")
    assert is_written(tmp_path)
    write_heartbeat(tmp_path, age=presence.LOST_AFTER_SECONDS + 1, host="elsewhere")
    assert not is_written(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"\x00\xff", b"[]", b'{"pid": "x", "host": "y", "time": 0}'])
def test_a_damaged_heartbeat_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / HEARTBEAT).write_bytes(content)
    assert read_heartbeat(tmp_path) is None
    assert not is_written(tmp_path)


def test_a_replaced_file_is_never_half_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.json"
    replace_file(path, b"old")
    seen: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(path.read_bytes()))
    replace_file(path, b"new and longer")
    assert seen == [b"old"]  # while the new content was being written
    assert path.read_bytes() == b"new and longer"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_replacement_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.json"
    replace_file(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace_file(tmp_path / "folder", b"a folder cannot become a file")
    assert not list(tmp_path.glob(".*"))
