"""What the screen costs; not a test, run by hand (some ten minutes on two idle cores):

    python tests/benchmarks/screen.py --pairs 5

Each pair trains the same study once with the dashboard in a pseudo-terminal and once --headless, in turns; the training
speed is images per second of the run's own clock. The dashboard's runs also give the bytes sent to the
terminal per second, and the delay from a key to changed output while training. The first frame is timed against a
Textual app that shows one line, in turns too.
"""

from __future__ import annotations

import argparse
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from test_terminal import Terminal

from hptui.events import RunCompleted
from hptui.run_directory import RunReader, last_event

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
JOB = ["--baseline", "none", "--runs", "1", "--epochs", "1", "--search", "lr=1e-4:1e-2:log:5",
       "--search", "weight_decay=1e-6:1e-2:log:3", "--validation-size", "2000", "--threads", "1"]  # fmt: skip
BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("one line")
Bare().run()
"""
SIZE = {"columns": 120, "lines": 40}


def images_per_second(study: Path) -> float:
    """Of training and probes, by the run's own clock."""
    end = last_event(study / "optimized-0")
    assert isinstance(end, RunCompleted)
    return (end.images_trained + end.images_probed) / end.seconds


def headless(study: Path, data: str) -> float:
    """Train without a screen."""
    command = [sys.executable, "-m", "hptui", "run", *JOB, "--dataset", data, "--out", str(study), "--headless"]
    subprocess.run(command, check=True, capture_output=True)
    return images_per_second(study)


def with_dashboard(study: Path, data: str, *, keys: bool) -> tuple[float, float, list[float]]:
    """Train with the dashboard: images per second, bytes per second, delays in seconds of `keys` pressed meanwhile."""
    terminal = Terminal("run", *JOB, "--dataset", data, "--out", study, **SIZE)
    terminal.until(lambda: "Epoch heatmap" in terminal.screen and RunReader(study / "optimized-0").read())
    began, sent, delays = time.monotonic(), len(terminal.read()), []
    while not isinstance(last_event(study / "optimized-0"), RunCompleted):
        terminal.read()
        if keys:
            delays.append(delay(terminal))
        else:
            time.sleep(0.1)
    seconds = time.monotonic() - began
    written = len(terminal.read()[sent:].encode())
    terminal.press("q")
    terminal.ended()
    terminal.close()
    return images_per_second(study), written / seconds, delays


def delay(terminal: Terminal) -> float:
    """From a key (the colour of a panel's border follows the focus) to the next output that it causes."""
    time.sleep(0.1)
    while select.select([terminal.master], [], [], 0)[0]:
        os.read(terminal.master, 1 << 16)
    began = time.monotonic()
    terminal.press("\t")
    select.select([terminal.master], [], [], 5)
    return time.monotonic() - began


def first_frame(command: list[str]) -> float:
    """Seconds from the start of the process to the first text on the screen."""
    terminal = Terminal(command=command, **SIZE)
    began = time.monotonic()
    while not any(word in terminal.read() for word in ("one line", "reading data")):
        assert time.monotonic() - began < 60
    seconds = time.monotonic() - began
    terminal.process.kill()
    terminal.process.wait()
    terminal.close()
    return seconds


def summary(name: str, values: list[float], digits: int = 3) -> None:
    """Median, smallest, largest and n in one line."""
    low, middle, high = min(values), statistics.median(values), max(values)
    print(f"{name:<48} median {middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f}), n = {len(values)}")


def main() -> None:
    """Print the four figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    ratios, rates, frames = [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "noise.py").write_text(DATA)
        data = f"{folder}/noise.py:load"
        for pair in range(options.pairs):
            speed, rate, _ = with_dashboard(folder / f"screen-{pair}", data, keys=False)
            ratios.append(speed / headless(folder / f"headless-{pair}", data))
            rates.append(rate / 1000)
            hptui = [sys.executable, "-m", "hptui", "run", *JOB, "--dataset", data, "--out", f"{folder}/frame-{pair}"]
            frames.append(first_frame(hptui) / first_frame([sys.executable, "-c", BARE]))
        _, _, delays = with_dashboard(folder / "keys", data, keys=True)
    summary("training speed, dashboard / headless", ratios)
    summary("kB per second to the terminal", rates, 1)
    summary("first frame, hptui run / bare Textual app", frames, 2)
    ordered = sorted(1000 * seconds for seconds in delays)
    summary("ms from key to changed screen", ordered, 0)
    print(f"{'  95th percentile':<48} {ordered[int(0.95 * len(ordered))]:.0f}")


if __name__ == "__main__":
    main()
