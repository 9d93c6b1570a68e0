"""What a study of very many runs costs whoever looks at it, and what grows with what; not a test, run by hand:

    python tests/benchmarks/many_runs.py                      # 1,000 runs of 100 epochs, 64 of them being written
    python tests/benchmarks/many_runs.py --table              # a tenth of that, then runs, epochs and cells times 10

The logs are fabricated: all but the last runs are complete, and one process holds the others as 64 writers do, and adds
a fact to each when it is told. Looked at by processes of their own: the list (`StudyReader`, first and again), the
command `hptui list`, and the dashboard, from the start of the app until all logs are read, and then from such facts
until all of them are taken in, which are shown in the same turn. Seconds are of the processor and, beside them, of the
clock: on a machine that does other things only the former mean anything.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import fabricate
import msgspec

from hptui.record.events import Axis, encode
from hptui.record.run_directory import EVENTS_FILE
from hptui.record.run_writer import RunWriter
from hptui.record.study_directory import Study, open_study

FIRST_SEED = 1000
"""seeds of equal length: all logs of an arm have the same bytes but for the first line"""
WRITERS = 64
FOLLOWED = 20
"""facts that are waited for"""
PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Shape:
    """How large a study is."""

    runs: int
    epochs: int
    cells: int
    """of each decision of the optimized half of the runs"""

    @property
    def words(self) -> str:
        return f"{self.runs:,} runs, {self.epochs:,} epochs, {self.cells} cells"


def make(directory: Path, shape: Shape) -> Study:
    """All but the last runs complete; the last ones at half of their epochs."""
    settings = {"runs": shape.runs // 2, "epochs": shape.epochs, "seed": FIRST_SEED}
    study = fabricate.make_study(directory, **settings, search={"lr": f"1e-3:1e-1:log:{shape.cells}"})
    entry = study.config.space["lr"]
    axis = Axis(name="lr", low=entry.low, high=entry.high, scale=entry.scale, values=list(entry.values()))
    planned = study.runs()
    for half in (planned[: -writers(shape)], planned[-writers(shape) :]):
        whole, logs = half is not planned[-writers(shape) :] and half[0] == planned[0], dict[str, bytes]()
        for arm, seed, folder in half:
            study.create_run(arm, seed, folder)
            if arm not in logs:
                logs[arm] = log(arm, axis, shape, whole=whole)
            first = encode(started(arm, seed, axis, shape), 0)
            (folder / EVENTS_FILE).write_bytes(first + logs[arm][len(first) :])
    return study


def writers(shape: Shape) -> int:
    return min(WRITERS, shape.runs // 2)


def started(arm: str, seed: int, axis: Axis, shape: Shape) -> Any:
    facts = {"arm": arm, "seed": seed, "epochs": shape.epochs, "searched": [axis] if arm == "optimized" else []}
    return msgspec.structs.replace(fabricate.run_started(**facts), time=1e9)


def log(arm: str, axis: Axis, shape: Shape, *, whole: bool) -> bytes:
    """Every line of a run, of which nothing but the first says whose they are."""
    events = [started(arm, FIRST_SEED, axis, shape)]
    for epoch in range(1, (shape.epochs if whole else shape.epochs // 2) + 1):
        events += decision(epoch, axis) if arm == "optimized" else []
        events += [fabricate.batches_trained(epoch, batch) for batch in range(1, 6)]
        events += fabricate.trained_epoch(epoch)[1:]
    events += [fabricate.run_completed(shape.epochs)] if whole else []
    lines = bytearray()
    for number, event in enumerate(events):
        lines += encode(msgspec.structs.replace(event, time=1e9 + number), len(lines))
    return bytes(lines)


def decision(epoch: int, axis: Axis) -> list[Any]:
    scored = [fabricate.candidate_scored(epoch - 1, number, lr) for number, lr in enumerate(axis.values)]
    return [
        fabricate.decision_started(epoch - 1, epoch, axes=[axis]),
        *scored,
        fabricate.chosen(epoch - 1, epoch, images_probed=20 * len(scored) * epoch),
    ]


def write_on(directory: Path) -> None:
    """Hold the last runs until stdin ends; for each line there add a fact to each of them, and say when."""
    study = open_study(directory)
    shape = Shape(2 * study.config.runs, study.config.epochs, 0)
    half = shape.epochs // 2
    with ExitStack() as stack:
        held = [stack.enter_context(RunWriter(folder)) for _, _, folder in study.runs()[-writers(shape) :]]
        print("held", flush=True)
        for number, _ in enumerate(sys.stdin, 1):
            epoch = half + 1 + (number - 1) // 5
            for writer in held:
                writer.append(fabricate.batches_trained(epoch, 1 + (number - 1) % 5))
            print(time.time(), flush=True)


class Clocks:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def read(self) -> tuple[float, float]:
        """Of the processor, and of the clock."""
        return time.process_time() - self.cpu, time.perf_counter() - self.wall


def look_at_list(directory: Path) -> dict[str, Any]:
    """The folder of studies read for the first time, and again."""
    from hptui.reading.listing import StudyReader

    reader, found = StudyReader(directory.parent), {}
    for name in ("first", "again"):
        clocks = Clocks()
        (line,) = reader.read()
        assert line.state == "running", line
        found[name] = clocks.read()
    return {f"list, {name}": seconds for name, seconds in found.items()}


def look_at_dashboard(directory: Path) -> dict[str, Any]:
    """From the start of the app to the first picture, until all is read, and then fact after fact."""
    return asyncio.run(_look(directory))


async def _look(directory: Path) -> dict[str, Any]:
    from hptui.ui.app import HptuiApp
    from hptui.ui.screens.dashboard import Dashboard

    clocks, found = Clocks(), dict[str, Any]()
    app = HptuiApp(watch=directory)

    async def until(condition: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < end
            await asyncio.sleep(0.005)

    async with app.run_test(size=(160, 48)):
        await until(lambda: isinstance(app.screen, Dashboard) and app.screen._shown)
        screen = app.screen
        assert isinstance(screen, Dashboard)
        found["dashboard, first picture"] = clocks.read()
        await until(lambda: not screen._catching_up.is_behind)
        found["dashboard, all read"] = clocks.read()
        await asyncio.sleep(3)
        follows = []
        for _ in range(FOLLOWED):
            steps, clocks = _steps(screen), Clocks()
            print("write", flush=True)
            written = float(sys.stdin.readline())
            await until(partial(_has_seen, screen, steps))
            follows.append((clocks.read()[0], time.time() - written))
        found["dashboard, a fact seen"] = tuple(map(statistics.mean, zip(*follows, strict=True)))
        found["dashboard, a fact seen, longest"] = tuple(map(max, zip(*follows, strict=True)))
    return found


def _steps(screen: Any) -> dict[str, int]:
    """How far those that are written have come, as far as the screen knows."""
    batches = {run.name: run.state.last_batches for run in screen.followed.runs if run.state.completed is None}
    return {name: one.step if one is not None else 0 for name, one in batches.items()}


def _has_seen(screen: Any, steps: dict[str, int]) -> bool:
    """Whether a fact of each was taken in since."""
    return all(now > steps[name] for name, now in _steps(screen).items())


def command(directory: Path) -> dict[str, Any]:
    """`hptui list`, with its imports."""
    import resource

    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [sys.executable, "-m", "hptui", "list", str(directory.parent)]
    subprocess.run(words, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"hptui list": (cpu, time.perf_counter() - began)}


LOOKS = {"list": look_at_list, "command": command, "dashboard": look_at_dashboard}


def measure(shape: Shape, looks: list[str]) -> Iterator[tuple[str, tuple[float, float]]]:
    """Every look, in a process of its own, at one study while it is written."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name) / "studies" / "many"
        directory.parent.mkdir()
        make(directory, shape)
        with process("write", directory) as writing:
            assert writing.stdout is not None
            assert writing.stdout.readline() == "held\n"
            for look in looks:
                yield from watched(look, directory, writing).items()
            assert writing.stdin is not None
            writing.stdin.close()


def process(look: str, directory: Path) -> subprocess.Popen[str]:
    words = [sys.executable, __file__, "--as", look, str(directory)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def watched(look: str, directory: Path, writing: subprocess.Popen[str]) -> dict[str, tuple[float, float]]:
    """What one of them found; it asks for facts, which the other process writes."""
    assert writing.stdin is not None
    assert writing.stdout is not None
    with process(look, directory) as looking:
        assert looking.stdin is not None
        assert looking.stdout is not None
        for line in looking.stdout:
            if line != "write\n":
                return json.loads(line)
            print(file=writing.stdin, flush=True)
            print(writing.stdout.readline(), end="", file=looking.stdin, flush=True)
    raise SystemExit(f"{look} ended with {looking.returncode}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--cells", type=int, default=25)
    parser.add_argument("--looks", nargs="+", choices=LOOKS, default=list(LOOKS))
    parser.add_argument("--table", action="store_true", help="a tenth of the runs, then each of the three times 10")
    parser.add_argument("--as", dest="look", help=argparse.SUPPRESS)
    parser.add_argument("directory", nargs="?", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.look == "write":
        write_on(options.directory)
        return
    if options.look:
        print(json.dumps(LOOKS[options.look](options.directory)), flush=True)
        return
    shapes = [Shape(options.runs, options.epochs, options.cells)]
    if options.table:
        runs, epochs, cells = options.runs // 10, options.epochs, options.cells
        shapes = [Shape(runs, epochs, cells), Shape(10 * runs, epochs, cells)]
        shapes += [Shape(runs, 10 * epochs, cells), Shape(runs, epochs, 10 * cells)]
    for shape in shapes:
        print(shape.words, flush=True)
        for name, (cpu, wall) in measure(shape, options.looks):
            print(f"  {name:<36} {cpu:8.3f} s of the processor, {wall:8.3f} s", flush=True)


if __name__ == "__main__":
    main()
