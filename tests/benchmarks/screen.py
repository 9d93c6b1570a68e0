"""What the screen costs; not a test, run by hand (some twenty minutes on two idle cores):

    python tests/benchmarks/screen.py --pairs 5

- Training speed: each pair trains the same study once with the dashboard in a pseudo-terminal and once --headless, in
  turns; images per second by the run's own clock. The dashboard's runs also give the bytes sent to the terminal.
- First frame: `hptui run` against a Textual app that shows one line, in turns, from the start of the process.
- Keys: from pressing c (the cursor of the heatmap) while training to the last line of the panel drawn anew.
- A long study: 20 runs of 100 epochs, half of them with grids of 25 x 25 cells at every epoch (300 MB), from the start
  of `hptui watch` until every run is read and compared, and from h (one decision back) to the other heatmap.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import fabricate
import msgspec
from test_terminal import Terminal

from hptui.record.class_counts import ClassCounts
from hptui.record.events import AnyEvent, Axis, RunCompleted, encode
from hptui.record.log_backwards import last_event
from hptui.record.run_directory import EVENTS_FILE
from hptui.record.run_reader import RunReader

DATA = """
import numpy as np
from hptui.datasets import ImageDataset, Images
def images(count):
    random = np.random.default_rng(count)
    return Images(random.integers(0, 256, (count, 1, 28, 28), dtype=np.uint8), np.arange(count) % 10)
def load():
    return ImageDataset("noise", tuple("0123456789"), images(20000), images(1000))
"""
"""a third of MNIST: a cell of the grid takes about a second, as it does in real use"""
JOB = ["--strategy", "grid", "--baseline", "none", "--runs", "1", "--threads", "1"]
SLOW = ["--epochs", "1", "--validation-size", "2000"]
FAST = ["--dataset", "digits", "--epochs", "12"]
"""a cell takes 20 ms: the most that a screen can be asked to show"""
GRID = ["--search", "lr=1e-4:1e-2:log:5", "--search", "weight_decay=1e-6:1e-2:log:3"]
BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("one line")
Bare().run()
"""
SIZE = {"columns": 120, "lines": 40}
EPOCHS, SIDE = 100, 25
PRESSES = 60


def images_per_second(study: Path) -> float:
    """Of training and probes, by the run's own clock."""
    end = last_event(study / "optimized-0")
    assert isinstance(end, RunCompleted)
    return (end.images_trained + end.images_probed) / end.seconds


def headless(study: Path, job: list[str]) -> float:
    """Train without a screen."""
    command = [sys.executable, "-m", "hptui", "run", *job, "--out", str(study), "--headless"]
    subprocess.run(command, check=True, capture_output=True)
    return images_per_second(study)


def with_dashboard(study: Path, job: list[str]) -> tuple[float, float]:
    """Train with the dashboard: images per second, and bytes per second sent to the terminal."""
    terminal = dashboard(study, job)
    began, sent = time.monotonic(), len(terminal.read())
    while not isinstance(last_event(study / "optimized-0"), RunCompleted):
        terminal.read()
        time.sleep(0.1)
    seconds = time.monotonic() - began
    written = len(terminal.read()[sent:].encode())
    terminal.press("q")
    terminal.ended()
    terminal.close()
    return images_per_second(study), written / seconds


def dashboard(study: Path, job: list[str]) -> Terminal:
    """A training whose dashboard is drawn."""
    terminal = Terminal("run", *job, "--out", study, **SIZE)
    terminal.until(lambda: "Epoch heatmap" in terminal.screen and RunReader(study / "optimized-0").read())
    return terminal


def delay(terminal: Terminal, key: str, words: str) -> float:
    """Seconds from a key until `words` are drawn."""
    terminal.read()
    terminal.screen = ""
    began = time.monotonic()
    terminal.press(key)
    terminal.until(lambda: words in terminal.screen)
    return time.monotonic() - began


def key_delays(study: Path, job: list[str]) -> list[float]:
    """Cursor on and off while the job trains."""
    terminal = dashboard(study, job)
    terminal.until(lambda: "decision 1/" in terminal.screen)
    found = []
    while len(found) < 2 * PRESSES and not isinstance(last_event(study / "optimized-0"), RunCompleted):
        for words in ("cursor off", " follow"):
            time.sleep(0.07)
            found.append(delay(terminal, "c", words))
    terminal.process.kill()
    terminal.process.wait()
    terminal.close()
    return found


def first_frame(command: list[str]) -> float:
    """Seconds from the start of the process to the first text on the screen."""
    terminal = Terminal(command=command, **SIZE)
    began = time.monotonic()
    while not any(word in terminal.read() for word in ("one line", "reading data", "hptui/studies")):
        assert time.monotonic() - began < 60
    seconds = time.monotonic() - began
    terminal.process.kill()
    terminal.process.wait()
    terminal.close()
    return seconds


def long_study(directory: Path, runs: int = 10) -> Path:
    """As if it had been trained: a basin that moves with the epochs."""
    search = {"lr": f"1e-4:1:log:{SIDE}", "weight_decay": f"1e-6:1e-2:log:{SIDE}"}
    study = fabricate.make_study(directory, runs=runs, epochs=EPOCHS, search=search)
    axes = [
        Axis(name=name, low=entry.low, high=entry.high, scale=entry.scale, values=list(entry.values()))
        for name, entry in study.config.space.items()
    ]
    for place, (arm, seed, folder) in enumerate(study.runs()):
        study.create_run(arm, seed, folder)
        with (folder / EVENTS_FILE).open("wb") as file:
            for number, event in enumerate(long_run(arm, seed, axes if arm == "optimized" else [])):
                file.write(encode(msgspec.structs.replace(event, time=1e9 + 1e5 * place + number)))
    return directory


def long_run(arm: str, seed: int, axes: list[Axis]) -> list[AnyEvent]:
    """All events of one run of EPOCHS epochs."""
    confusion = [[90 if row == column else 1 for column in range(10)] for row in range(10)]
    accuracy = 0.95 + seed / 1000 + (0.003 + seed / 10_000 if axes else 0)
    events: list[AnyEvent] = [fabricate.run_started(arm=arm, seed=seed, epochs=EPOCHS, searched=axes)]
    for epoch in range(1, EPOCHS + 1):
        events += long_decision(epoch, axes) if axes else []
        events += [fabricate.batches_trained(epoch, batch, batches=550) for batch in range(10, 551, 10)]
        events += fabricate.trained_epoch(epoch, accuracy, confusion)
    return [*events, fabricate.run_completed(EPOCHS, test_accuracy=accuracy)]


def long_decision(epoch: int, axes: list[Axis]) -> list[AnyEvent]:
    """Every cell of a 25 x 25 grid."""
    classes = ClassCounts(support=[99] * 10, predicted=[99] * 10, hits=[90] * 10)
    rates, decays = (axis.values for axis in axes)
    cells = []
    for number, (lr, decay) in enumerate((lr, decay) for lr in rates for decay in decays):
        score = 0.1 + 0.3 * abs(math.log10(lr) + 2 + epoch / 100) + 0.05 * abs(math.log10(decay) + 4)
        values = fabricate.values(lr) | {"weight_decay": decay}
        cells.append(
            fabricate.candidate_scored(epoch - 1, number, values=values, score=score, loss=score, classes=classes)
        )
    best = fabricate.values(rates[12]) | {"weight_decay": decays[12]}
    end = fabricate.chosen(epoch - 1, epoch, values=best, candidate=312, images_probed=epoch * 12_500)
    return [fabricate.decision_started(epoch - 1, epoch, axes=axes), *cells, end]


def open_and_scrub(study: Path) -> tuple[float, list[float]]:
    """Seconds until all is read and compared, and of each step back."""
    began = time.monotonic()
    terminal = Terminal("watch", study, **SIZE)
    terminal.until(lambda: "Over 10 pairs" in terminal.screen and f"decision {EPOCHS}/" in terminal.screen)
    seconds = time.monotonic() - began
    steps = [delay(terminal, "h", f"decision {EPOCHS - step}/") for step in range(1, PRESSES + 1)]
    terminal.press("q")
    terminal.ended()
    terminal.close()
    return seconds, steps


def summary(name: str, values: list[float], digits: int = 3) -> None:
    """Median, smallest, largest and n in one line."""
    low, middle, high = min(values), statistics.median(values), max(values)
    ninety_five = sorted(values)[math.ceil(0.95 * len(values)) - 1]
    spread = f"({low:.{digits}f} to {high:.{digits}f}), 95th percentile {ninety_five:.{digits}f}, n = {len(values)}"
    print(f"{name:<50} median {middle:.{digits}f} {spread}", flush=True)


def speed(folder: Path, name: str, job: list[str], pairs: int) -> None:
    """Dashboard against headless."""
    ratios, rates = [], []
    for pair in range(pairs):
        with_screen, rate = with_dashboard(folder / f"{name}-screen-{pair}", job)
        ratios.append(with_screen / headless(folder / f"{name}-headless-{pair}", job))
        rates.append(rate / 1000)
    summary(f"training speed, dashboard / headless, {name}", ratios)
    summary(f"kB per second to the terminal, {name}", rates, 1)


def frames(folder: Path, job: list[str], pairs: int) -> None:
    """Against the smallest Textual app."""
    kinds: dict[str, Callable[[int], list[str]]] = {
        "hptui run": lambda pair: ["run", *job, "--out", f"{folder}/frame-{pair}"],
        "hptui": lambda pair: [],
    }
    for name, arguments in kinds.items():
        ratios = []
        for pair in range(pairs):
            ours = first_frame([sys.executable, "-m", "hptui", *arguments(pair)])
            ratios.append(ours / first_frame([sys.executable, "-c", BARE]))
        summary(f"first frame, {name} / bare Textual app", ratios, 2)


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_DATA_HOME"] = name  # the list of studies is empty
        (folder / "noise.py").write_text(DATA)
        slow = [*JOB, *GRID, *SLOW, "--dataset", f"{folder}/noise.py:load"]
        frames(folder, slow, 2 * options.pairs)
        summary("ms from key to changed screen", [1000 * seconds for seconds in key_delays(folder / "keys", slow)], 0)
        study = long_study(folder / "long")
        opened = [open_and_scrub(study) for _ in range(options.pairs)]
        summary("s to open 20 runs of 100 epochs with 25 x 25 cells", [seconds for seconds, _ in opened], 2)
        summary("ms to the decision before", [1000 * step for _, steps in opened for step in steps], 0)
        speed(folder, "1 s a cell", slow, options.pairs)
        speed(folder, "20 ms a cell", [*JOB, *GRID, *FAST], options.pairs)


if __name__ == "__main__":
    main()
