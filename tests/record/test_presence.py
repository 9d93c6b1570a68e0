"""One writer per folder, and how others see that it lives."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock
import msgspec
import pytest
from fabricate import PATIENCE_SECONDS, environment, python, wait_until

from hptui.errors import RunDirectoryError, TrainingError
from hptui.record import life_signs, locks, presence, takeover
from hptui.record.files import replace_file
from hptui.record.locks import DirectoryLock, is_locked
from hptui.record.presence import (
    HEARTBEAT,
    Heartbeat,
    Presence,
    await_silence,
    is_written,
    read_heartbeat,
    refuse_if_written,
)

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


def write_heartbeat(directory: Path, *, age: float = 0.0, **changes: Any) -> None:
    """The heartbeat of a process on another machine, written so many seconds ago by all clocks."""
    facts: dict[str, Any] = {"pid": os.getpid(), "host": "elsewhere", "time": time.time() - age, "boot": "other"}
    new = directory / "new"
    new.write_bytes(msgspec.json.encode(Heartbeat(**facts | changes)))
    os.utime(new, (time.time() - age,) * 2)
    new.replace(directory / HEARTBEAT)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> float:
    """A writer is lost after this many seconds of silence."""
    for module in (life_signs, presence, takeover):
        monkeypatch.setattr(module, "LOST_AFTER_SECONDS", 0.5)
    monkeypatch.setattr(presence, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(takeover, "POLL_SECONDS", 0.01)
    return 0.5


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
    def full(path: Path, content: bytes, *, durable: bool) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(life_signs, "replace_file", full)
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.001)
    with Presence(tmp_path):
        assert read_heartbeat(tmp_path) is None
        assert is_written(tmp_path)  # the lock says so
        monkeypatch.setattr(life_signs, "replace_file", replace_file)
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
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert (tmp_path / HEARTBEAT).exists()  # nobody could remove it
    refuse_if_written(tmp_path)  # the process is still in the table
    process.communicate()
    refuse_if_written(tmp_path)  # at once
    with Presence(tmp_path):
        beat = read_heartbeat(tmp_path)
        assert beat is not None
        assert beat.pid == os.getpid()
    assert not is_written(tmp_path)


def test_a_process_that_was_killed_and_still_holds_the_lock_is_waited_for(
    tmp_path: Path, holder: Callable[[], subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second or more, for the system to take back gigabytes."""
    process = holder()
    assert is_written(tmp_path)
    monkeypatch.setattr(Heartbeat, "is_dying", True)
    assert not is_written(tmp_path)
    threading.Timer(2 * locks.ACQUIRE_SECONDS, process.kill).start()
    with Presence(tmp_path):
        pass


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
    with pytest.raises(RunDirectoryError, match=r"cannot write .*file: .*exists"):
        Presence(tmp_path / "file").__enter__()


def test_on_this_machine_the_lock_alone_tells(tmp_path: Path, dead_pid: int) -> None:
    """A heartbeat, however fresh, whoever's number it has, is that of a dead process if nobody holds the lock."""
    here = {"host": socket.gethostname(), "boot": life_signs.boot_id()}
    assert not is_written(tmp_path)
    for pid in (os.getpid(), dead_pid):
        write_heartbeat(tmp_path, pid=pid, **here)
        assert not is_written(tmp_path)
        refuse_if_written(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [HEARTBEAT]  # a reader makes no lock
    lock = DirectoryLock(tmp_path)
    assert lock.acquire()
    write_heartbeat(tmp_path, pid=dead_pid, age=10_000, **here)  # of a container, which counts its processes by itself
    assert is_written(tmp_path)
    lock.release()
    assert not is_written(tmp_path)


def test_a_container_that_is_started_again_is_not_blocked_by_itself(tmp_path: Path) -> None:
    """It has another name then, but the machine, and so the lock, is the same."""
    write_heartbeat(tmp_path, host="1f0c", boot=life_signs.boot_id(), time=time.time() + 500)
    assert not is_written(tmp_path)
    began = time.monotonic()
    with Presence(tmp_path):
        assert time.monotonic() - began < life_signs.LOST_AFTER_SECONDS


def test_a_copy_of_a_study_that_is_trained_is_not_trained(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    with Presence(tmp_path / "study"):
        copy = shutil.copytree(tmp_path / "study", tmp_path / "copy")
        assert is_written(tmp_path / "study")
        assert not is_written(copy)


def test_a_heartbeat_of_an_older_hptui_is_read(tmp_path: Path) -> None:
    content = {"pid": 7, "host": socket.gethostname(), "time": time.time()}
    (tmp_path / HEARTBEAT).write_bytes(msgspec.json.encode(content))
    beat = read_heartbeat(tmp_path)
    assert beat is not None
    assert (beat.pid, beat.boot, beat.token, beat.is_here) == (7, "", "", True)
    assert not is_written(tmp_path)
    lock = filelock.FileLock(tmp_path / presence.LOCK, thread_local=False)  # that is how it held a directory
    with lock:
        assert is_written(tmp_path)
        with pytest.raises(RunDirectoryError, match="is being written by process 7 on "):
            Presence(tmp_path).__enter__()


def test_a_reader_that_tries_the_lock_does_not_turn_a_writer_away(tmp_path: Path) -> None:
    assert is_locked(tmp_path) is False
    with Presence(tmp_path):
        pass
    file = os.open(tmp_path / presence.LOCK, os.O_RDONLY)
    fcntl.flock(file, fcntl.LOCK_SH)
    assert not is_locked(tmp_path)  # what readers do among themselves is nothing to them
    threading.Timer(locks.ACQUIRE_SECONDS / 4, os.close, [file]).start()
    with Presence(tmp_path):
        assert is_written(tmp_path)


@pytest.mark.parametrize("ahead", [-3600, -20, 0, 20, 3600])
def test_the_clock_of_another_machine_does_not_matter(tmp_path: Path, ahead: float) -> None:
    write_heartbeat(tmp_path, age=1, time=time.time() + ahead)
    assert is_written(tmp_path)
    with pytest.raises(RunDirectoryError, match=r"elsewhere \(last sign of life 1 s ago\); .* hptui resume --force"):
        refuse_if_written(tmp_path)
    write_heartbeat(tmp_path, age=presence.LOST_AFTER_SECONDS + 1, time=time.time() + ahead)
    life_signs._sights.clear()  # somebody who looks for the first time
    assert not is_written(tmp_path)


@pytest.mark.parametrize("ahead", [-500.0, 500.0])
def test_one_look_compares_what_one_clock_has_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    """The file server's, which this machine's may be far from."""
    monkeypatch.setattr(life_signs, "_clocks", {})
    monkeypatch.setattr(life_signs, "_date_of_new_file", lambda _: time.time() + ahead)
    write_heartbeat(tmp_path, age=1 - ahead)
    assert is_written(tmp_path)
    write_heartbeat(tmp_path, age=presence.LOST_AFTER_SECONDS + 1 - ahead)
    life_signs._sights.clear()
    assert not is_written(tmp_path)


def test_a_look_leaves_nothing_behind_where_files_have_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def named(path: Any, flags: int, *args: Any, **options: Any) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(95, "Operation not supported")
        return real(path, flags, *args, **options)

    monkeypatch.setattr(os, "open", named)
    assert abs(life_signs._date_of_new_file(tmp_path) - time.time()) < 5
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_written_change_tells_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, soon: float
) -> None:
    def refuse(_: Path) -> float:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(life_signs, "_clocks", {})
    monkeypatch.setattr(life_signs, "_date_of_new_file", refuse)
    write_heartbeat(tmp_path, age=100, beat=1)
    assert not is_written(tmp_path)
    write_heartbeat(tmp_path, age=100, beat=2)
    assert is_written(tmp_path)  # it has changed, whatever its date
    write_heartbeat(tmp_path, age=-100, beat=2)  # the future
    wait_until(lambda: not is_written(tmp_path))


def test_silence_is_waited_for_and_then_believed(tmp_path: Path, soon: float) -> None:
    write_heartbeat(tmp_path, time=time.time() + 500)
    told: list[str] = []
    began = time.monotonic()
    await_silence(tmp_path, told.append)
    assert time.monotonic() - began >= soon
    assert [line.split(";")[0] for line in told] == [f"process {os.getpid()} on elsewhere may still train this"]
    began = time.monotonic()
    with Presence(tmp_path):  # what was seen once need not be waited for again
        assert time.monotonic() - began < soon
    assert not (tmp_path / HEARTBEAT).exists()


def test_a_writer_elsewhere_is_seen_to_live_and_left_alone(tmp_path: Path) -> None:
    write_heartbeat(tmp_path, time=time.time() - 10_000, beat=1)
    timer = threading.Timer(0.1, write_heartbeat, [tmp_path], {"time": time.time() - 10_000, "beat": 2})
    timer.start()
    with pytest.raises(RunDirectoryError, match=r"is being written by process .* on elsewhere"):
        Presence(tmp_path).__enter__()
    timer.join()
    beat = read_heartbeat(tmp_path)
    assert beat is not None
    assert beat.host == "elsewhere"


def test_a_writer_elsewhere_that_leaves_is_not_waited_for(tmp_path: Path) -> None:
    write_heartbeat(tmp_path)
    timer = threading.Timer(0.1, (tmp_path / HEARTBEAT).unlink)
    timer.start()
    began = time.monotonic()
    await_silence(tmp_path)
    assert time.monotonic() - began < life_signs.LOST_AFTER_SECONDS
    timer.join()


def test_a_study_whose_run_is_written_elsewhere_is_left_alone(tmp_path: Path) -> None:
    run = tmp_path / "optimized-0"
    run.mkdir()
    write_heartbeat(run, beat=1)
    timer = threading.Timer(0.1, write_heartbeat, [run], {"beat": 2})
    timer.start()
    with Presence(tmp_path, with_runs=False):  # jobs of a cluster go on where the study's process has gone
        pass
    with pytest.raises(RunDirectoryError, match="optimized-0 is being written by"):
        Presence(tmp_path).__enter__()
    timer.join()


def test_whatever_a_heartbeat_says_it_is_told_in_words(tmp_path: Path) -> None:
    write_heartbeat(tmp_path, host="\x1b[31m" + "x" * 3000, time=1e300)
    os.utime(tmp_path / HEARTBEAT, (1e11, 1e11))
    told = presence.holder(tmp_path)
    assert told.isprintable()
    assert len(told) < 400
    assert told.endswith("(last sign of life 2096-10-02 07:06 UTC)")


def test_what_is_old_by_every_clock_is_not_waited_for(tmp_path: Path) -> None:
    write_heartbeat(tmp_path, age=life_signs.OLD_SECONDS + 10)
    began = time.monotonic()
    with Presence(tmp_path):
        assert time.monotonic() - began < life_signs.LOST_AFTER_SECONDS


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network file system that has none."""

    def none(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)


def test_without_locks_change_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_locks: None) -> None:
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(presence, "SETTLE_SECONDS", 0.05)
    with Presence(tmp_path) as mine:
        assert is_written(tmp_path)
        with pytest.raises(RunDirectoryError, match=f"is being written by process {os.getpid()} on "):
            Presence(tmp_path).__enter__()
        mine.require_held()
    assert not is_written(tmp_path)
    old = life_signs.OLD_SECONDS + 10
    write_heartbeat(tmp_path, host=socket.gethostname(), boot=life_signs.boot_id(), age=old)  # of a killed one
    with Presence(tmp_path) as other:
        write_heartbeat(tmp_path)  # of one that began at the same instant, and was later
        wait_until(lambda: bool(other._successor))
        with pytest.raises(TrainingError, match=r"was taken over by process .* on elsewhere"):
            other.require_held()
    assert read_heartbeat(tmp_path) is not None  # not this one's to remove


def test_a_heartbeat_needs_no_flush_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.005)
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("flushed"))
    with Presence(tmp_path):
        wait_until(lambda: (beat := read_heartbeat(tmp_path)) is not None and beat.beat > 3)


ENDLESS = """
import sys, time
from pathlib import Path
from hptui.record import presence
presence.BEAT_SECONDS = 0.05
with presence.Presence(Path(sys.argv[1])) as held:
    print("held", flush=True)
    while True:
        held.require_held()
        time.sleep(0.01)
"""


@pytest.mark.parametrize("where", [".", "optimized-0"])
def test_force_takes_over_says_from_whom_and_the_other_ends(tmp_path: Path, where: str) -> None:
    place = tmp_path / where
    place.mkdir(exist_ok=True)
    command = [sys.executable, "-c", ENDLESS, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()) as it:
        assert it.stdout is not None
        assert it.stdout.readline() == "held\n"
        told: list[str] = []
        takeover.take_over(tmp_path, told.append)
        assert not is_written(place)
        _, said = it.communicate(timeout=PATIENCE_SECONDS)
    assert it.returncode == 1
    assert "was taken over by process" in said.splitlines()[-1]
    (line,) = told
    assert line.startswith(
        f"taking over {place.name} from process {it.pid} on {socket.gethostname()} (last sign of life"
    )
    with Presence(place) as mine:
        mine.require_held()


def test_force_takes_over_from_a_machine_that_is_known_to_be_gone(tmp_path: Path, soon: float) -> None:
    write_heartbeat(tmp_path, pid=7)
    told: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(takeover, "BEAT_SECONDS", 0.01)
        takeover.take_over(tmp_path, told.append)
    assert told == [f"taking over {tmp_path.name} from process 7 on elsewhere (last sign of life 0 s ago)"]
    with Presence(tmp_path):
        pass


def test_force_leaves_runs_alone_that_go_on_without_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takeover, "BEAT_SECONDS", 0.01)
    (tmp_path / "baseline-0").mkdir()
    write_heartbeat(tmp_path, pid=7)
    with Presence(tmp_path / "baseline-0") as run:
        takeover.take_over(tmp_path, str, with_runs=False)
        assert run._is_mine()
    assert read_heartbeat(tmp_path) is None


def test_nothing_is_taken_over_where_nobody_is(tmp_path: Path) -> None:
    with Presence(tmp_path):
        pass
    takeover.take_over(tmp_path, pytest.fail)


def test_a_writer_that_was_suspended_while_another_took_over_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Presence(tmp_path) as mine:
        locks.replace_lock(tmp_path)
        mine.require_held()  # it has not looked yet
        mine._looked = time.monotonic() - presence.LOST_AFTER_SECONDS
        with pytest.raises(TrainingError, match="was taken over"):
            mine.require_held()


def test_a_lock_that_somebody_removes_is_made_anew(tmp_path: Path) -> None:
    with Presence(tmp_path) as mine:
        (tmp_path / presence.LOCK).unlink()
        mine._look()
        mine.require_held()
        assert is_locked(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\x00\xff", b'"\xff"', b"[]", b"[" * 3000, b'{"pid": "x", "host": "y", "time": 0}']
)
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
