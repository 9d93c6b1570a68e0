"""A run's log as one process writes it and others read it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from fabricate import (
    batches_trained,
    configuration,
    evaluated,
    python,
    run_completed,
    run_started,
    trained_epoch,
    whole_run,
)

from hptui.config import to_plain
from hptui.errors import RunDirectoryError, TrainingError
from hptui.record import log_backwards, run_reader, run_writer
from hptui.record.events import SCHEMA, AnyEvent, RunFailed, encode
from hptui.record.log_backwards import last_event
from hptui.record.presence import is_written, read_heartbeat
from hptui.record.run_directory import EVENTS_FILE, RUN_FILE, RunFile, create_run, read_run_file, run_name
from hptui.record.run_reader import RunReader
from hptui.record.run_writer import RunWriter

MANY_CLASSES = 250
TORN = b'{"event":"BatchesTrained","time":1.0,"ep'


def write(directory: Path, *events: AnyEvent) -> None:
    with RunWriter(directory) as writer:
        for event in events:
            writer.append(event)


def add_bytes(directory: Path, content: bytes) -> None:
    with (directory / EVENTS_FILE).open("ab") as file:
        file.write(content)


def timeless(events: list[AnyEvent]) -> list[bytes]:
    """Events as lines without the time that the writer set."""
    plain = [json.loads(encode(event)) for event in events]
    return [
        json.dumps({key: value for key, value in line.items() if key not in ("time", "crc")}).encode() for line in plain
    ]


def long_event() -> AnyEvent:
    """A line of more than 100 KB: the confusion matrix of very many classes."""
    return evaluated(confusion=[[0] * MANY_CLASSES for _ in range(MANY_CLASSES)])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    events = whole_run()
    write(tmp_path, *events)
    found = RunReader(tmp_path).read()
    assert timeless(found) == timeless(events)
    times = [event.time for event in found]
    assert times == sorted(times)
    assert times[0] > 1.7e9


def test_each_line_reaches_the_disk_before_append_returns(tmp_path: Path) -> None:
    reader = RunReader(tmp_path)
    assert reader.read() == []  # no log yet
    with RunWriter(tmp_path) as writer:
        assert reader.read() == []
        for epoch in (1, 2, 3):
            writer.append(batches_trained(epoch))
            (found,) = reader.read()
            assert timeless([found]) == timeless([batches_trained(epoch)])
        assert reader.read() == []


def test_a_torn_line_is_not_yet_there(tmp_path: Path) -> None:
    write(tmp_path, run_started())
    line = encode(batches_trained())
    reader = RunReader(tmp_path)
    assert len(reader.read()) == 1
    for byte in line[:-1]:
        add_bytes(tmp_path, bytes([byte]))
        assert reader.read() == []
    add_bytes(tmp_path, line[-1:])
    assert reader.read() == [batches_trained()]


@pytest.mark.parametrize("tail", [TORN, b"{", b"\x00" * 300, b'"' + b"x" * 200_000])
def test_a_writer_cuts_off_what_a_killed_one_left(tmp_path: Path, tail: bytes) -> None:
    write(tmp_path, run_started())
    before = (tmp_path / EVENTS_FILE).read_bytes()
    add_bytes(tmp_path, tail)
    write(tmp_path, batches_trained())
    content = (tmp_path / EVENTS_FILE).read_bytes()
    assert content.startswith(before)
    assert len(content.splitlines()) == 2
    assert timeless(RunReader(tmp_path).read()) == timeless([run_started(), batches_trained()])


def test_a_writer_cuts_off_a_torn_only_line_and_leaves_whole_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_writer, "TAIL_BYTES", 16)
    add_bytes(tmp_path, TORN)
    write(tmp_path)
    assert (tmp_path / EVENTS_FILE).read_bytes() == b""
    write(tmp_path, run_started(), batches_trained())
    before = (tmp_path / EVENTS_FILE).read_bytes()
    add_bytes(tmp_path, TORN)
    write(tmp_path)
    write(tmp_path)
    assert (tmp_path / EVENTS_FILE).read_bytes() == before


@pytest.mark.parametrize("size", [1, 7, 64, 1000, 1 << 20])
def test_reading_in_small_pieces_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    events = [*whole_run(), long_event(), *whole_run()]
    write(tmp_path, *events)
    add_bytes(tmp_path, TORN)
    monkeypatch.setattr(run_reader, "READ_BYTES", size)
    assert timeless(RunReader(tmp_path).read()) == timeless(events)


def test_a_reader_stops_after_its_time_and_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = whole_run(epochs=5)
    write(tmp_path, *events)
    monkeypatch.setattr(run_reader, "READ_BYTES", 600)
    reader = RunReader(tmp_path)
    found: list[AnyEvent] = []
    calls = 0
    while piece := reader.read(seconds=-1):
        found += piece
        calls += 1
    assert calls > 5
    assert timeless(found) == timeless(events)


def test_two_readers_do_not_disturb_each_other(tmp_path: Path) -> None:
    write(tmp_path, *whole_run())
    one, other = RunReader(tmp_path), RunReader(tmp_path)
    assert one.read() == other.read() != []
    assert one.read() == other.read() == []


def test_a_line_that_is_no_event_is_named_by_file_and_number(tmp_path: Path) -> None:
    write(tmp_path, run_started(), batches_trained())
    reader = RunReader(tmp_path)
    assert len(reader.read()) == 2
    add_bytes(tmp_path, encode(run_completed()) + b'{"event":"RunDanced"}\n' + encode(run_completed()))
    for _ in range(2):  # asked again it says the same
        with pytest.raises(RunDirectoryError) as caught:
            reader.read()
        message = str(caught.value)
        assert message.startswith(f"{tmp_path / EVENTS_FILE}, line 4 cannot be read: ")
        assert "RunDanced" in message
        assert "\n" not in message


def test_the_last_event_is_found_from_the_end(tmp_path: Path) -> None:
    assert last_event(tmp_path) is None
    (tmp_path / EVENTS_FILE).touch()
    assert last_event(tmp_path) is None
    add_bytes(tmp_path, TORN)
    assert last_event(tmp_path) is None
    (tmp_path / EVENTS_FILE).unlink()
    write(tmp_path, run_started())
    assert timeless([last_event(tmp_path)]) == timeless([run_started()])  # type: ignore[list-item]
    write(tmp_path, *whole_run(epochs=20), run_completed(20))
    assert timeless([last_event(tmp_path)]) == timeless([run_completed(20)])  # type: ignore[list-item]
    add_bytes(tmp_path, TORN)
    assert timeless([last_event(tmp_path)]) == timeless([run_completed(20)])  # type: ignore[list-item]


@pytest.mark.parametrize("before", [[], [run_started()], whole_run()])
@pytest.mark.parametrize("tail", [b"", TORN, b'"' + b"x" * 300_000])
def test_a_last_line_longer_than_a_block_is_found_whole(tmp_path: Path, before: list[AnyEvent], tail: bytes) -> None:
    write(tmp_path, *before, long_event())
    assert (tmp_path / EVENTS_FILE).stat().st_size > 100_000
    add_bytes(tmp_path, tail)
    assert timeless([last_event(tmp_path)]) == timeless([long_event()])  # type: ignore[list-item]


def test_a_damaged_last_line_is_told(tmp_path: Path) -> None:
    write(tmp_path, run_started())
    add_bytes(tmp_path, b"rubbish\n")
    with pytest.raises(RunDirectoryError, match=r"events\.jsonl: its last line cannot be read"):
        last_event(tmp_path)


def test_two_writers_cannot_meet(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from hptui.record.run_writer import RunWriter\n"
    code += "try:\n    RunWriter(Path(sys.argv[1])).__enter__()\nexcept Exception as error:\n    print(error)"
    with RunWriter(tmp_path) as writer:
        writer.append(run_started())
        with pytest.raises(RunDirectoryError, match="is being written by process"):
            RunWriter(tmp_path).__enter__()
        assert f"is being written by process {os.getpid()}" in python(code, tmp_path).stdout
        writer.append(batches_trained())
    assert len(RunReader(tmp_path).read()) == 2


def test_a_writer_lives_while_it_is_open(tmp_path: Path) -> None:
    with RunWriter(tmp_path):
        assert is_written(tmp_path)
        beat = read_heartbeat(tmp_path)
        assert beat is not None
        assert beat.pid == os.getpid()
    assert not is_written(tmp_path)


def test_a_log_that_cannot_be_opened_frees_the_lock_again(tmp_path: Path) -> None:
    (tmp_path / EVENTS_FILE).mkdir()
    with pytest.raises(RunDirectoryError, match=r"cannot write .*events\.jsonl: Is a directory"):
        RunWriter(tmp_path).__enter__()
    assert not is_written(tmp_path)
    (tmp_path / EVENTS_FILE).rmdir()
    write(tmp_path, run_started())


def test_a_disk_that_takes_only_parts_gets_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    with RunWriter(tmp_path) as writer, monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda file, content: real(file, content[:7]))
        writer.append(run_started())
    assert timeless(RunReader(tmp_path).read()) == timeless([run_started()])


def test_a_full_disk_fails_the_run_and_leaves_the_log_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = os.write, 0

    def nearly_full(file: int, content: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise OSError(28, "No space left on device")
        return real(file, content[: len(content) // 2])

    events = trained_epoch(1)
    with RunWriter(tmp_path) as writer:
        writer.append(events[0])
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", nearly_full)
            with pytest.raises(
                TrainingError, match=r"no space left on device: .*\.jsonl; .* free; make room and resume"
            ):
                writer.append(events[1])
        assert calls == 2
        assert timeless(RunReader(tmp_path).read()) == timeless(events[:1])
        writer.append(RunFailed(error="disk full"))  # some space was freed: this must not join the half line
    failure = RunFailed(error="disk full")
    assert timeless(RunReader(tmp_path).read()) == timeless([events[0], failure])
    assert timeless([last_event(tmp_path)]) == timeless([failure])  # type: ignore[list-item]


def run_file(**changes: Any) -> RunFile:
    facts: dict[str, Any] = {"schema": SCHEMA, "hptui": "0", "arm": "optimized", "seed": 3}
    return RunFile(**facts | {"config": to_plain(configuration())} | changes)


def test_run_json_is_written_once_and_read_back(tmp_path: Path) -> None:
    directory = tmp_path / run_name("optimized", 3)
    assert directory.name == "optimized-3"
    create_run(directory, run_file())
    assert read_run_file(directory) == run_file()
    assert (directory / "checkpoints").is_dir()
    before = (directory / RUN_FILE).read_bytes()
    assert before.endswith(b"}\n")
    create_run(directory, run_file(seed=4))
    assert (directory / RUN_FILE).read_bytes() == before


def test_a_run_cannot_be_made_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunDirectoryError, match=r"cannot write .*file"):
        create_run(tmp_path / "file", run_file())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "is not a run of hptui: cannot read run.json, No such file or directory."),
        (b"", "is damaged"),
        (b"{", "is damaged"),
        (b"\xff", "is damaged"),
        (b"[]", "has format None, this hptui reads format 1"),
        (b'{"schema": 99, "new": true}', "has format 99, this hptui reads format 1; use the hptui version that wrote"),
        (b'{"schema": "1"}', "has format '1'"),
        (b'{"schema": 1}', "is damaged: Object missing required field"),
        (b'{"schema":1,"hptui":"0","arm":"third","seed":0,"config":{}}', "is damaged: Invalid enum value 'third'"),
    ],
)
def test_a_run_json_that_cannot_be_used(tmp_path: Path, content: bytes | None, expected: str) -> None:
    if content is not None:
        (tmp_path / RUN_FILE).write_bytes(content)
    with pytest.raises(RunDirectoryError) as caught:
        read_run_file(tmp_path)
    assert expected in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_log_without_lines_is_told_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (run_reader, log_backwards):
        monkeypatch.setattr(module, "LONGEST_LINE", 1 << 21)
    write(tmp_path, run_started())
    with (tmp_path / EVENTS_FILE).open("ab") as file:
        file.truncate(200 << 30)  # of which the disk holds nothing
    for read in (RunReader(tmp_path).read, lambda: last_event(tmp_path)):
        with pytest.raises(RunDirectoryError, match=r"events\.jsonl cannot be read: .* have no end of a line"):
            read()


@pytest.mark.parametrize("first", [batches_trained(), evaluated(), run_completed()])
def test_a_log_that_lost_its_beginning_is_told(tmp_path: Path, first: AnyEvent) -> None:
    write(tmp_path, first)
    with pytest.raises(RunDirectoryError, match=rf"begins with {type(first).__name__}: the lines before it"):
        run_reader.check_format(tmp_path)
