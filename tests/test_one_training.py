"""The form after a failure, in a real terminal: the corrected study is trained once, in sight, and undisturbed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_lost_terminal import open_terminal  # noqa: F401 (a fixture)
from test_terminal import Terminal, events, hptui

from hptui.record.events import RunCompleted, RunStarted

SETTINGS = {"model": "lenet", "baseline": "none", "runs": "1", "epochs": "2", "horizon": "0.05", "threads": "1"}
SETTINGS |= {"strategy": "grid", "search": "lr=1e-3:1e-2:log:2"}


def write_images(folder: Path) -> None:
    """Bars that stand and bars that lie, in noise."""
    random = np.random.default_rng(0)
    for name in ("lying", "standing"):
        (folder / name).mkdir(parents=True)
        for number in range(60):
            pixels = random.integers(0, 150, (28, 28), dtype=np.uint8)
            pixels[5:9] = 255
            Image.fromarray(pixels.T if name == "standing" else pixels).save(folder / name / f"{number}.png")


def is_in_the_path(terminal: Terminal) -> bool:
    """Whether one would type into the field below the choice of the dataset."""
    lines = terminal.shown.splitlines()
    line = next((number for number, text in enumerate(lines) if " dataset " in text), None)
    return line is not None and terminal._display.cursor.y == line + 1


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> RunCompleted:
    """What the corrected study comes to without a screen."""
    folder = tmp_path_factory.mktemp("expected")
    images, clean = folder / "images", folder / "clean"
    write_images(images)
    flags = [text for name, value in SETTINGS.items() for text in (f"--{name}", value)]
    done = hptui("run", "--dataset", f"folder:{images}", *flags, "--out", clean, "--headless")
    assert done.returncode == 0, done.stderr
    (end,) = events(clean, RunCompleted)
    assert isinstance(end, RunCompleted)
    return end


@pytest.mark.parametrize("again", ["", "\x13"], ids=["start once", "start twice"])
def test_a_start_that_failed_and_is_corrected_trains_once(
    tmp_path: Path,
    open_terminal: Callable[..., Terminal],  # noqa: F811
    again: str,
    expected: RunCompleted,
) -> None:
    images, studies = tmp_path / "images", tmp_path / "data" / "hptui" / "studies"
    write_images(images)
    environment = {f"HPTUI_{name.upper()}": value for name, value in SETTINGS.items()}
    terminal = open_terminal(
        columns=160,
        lines=48,
        XDG_DATA_HOME=str(tmp_path / "data"),
        HPTUI_DATASET=f"folder:{images}X",
        **environment,
    )
    terminal.until(lambda: "no studies in" in terminal.shown)
    terminal.press("n")
    terminal.until(lambda: "^s Start" in terminal.shown and "plain trainings" in terminal.shown)
    terminal.press("\x13")  # ctrl+s
    terminal.until(lambda: "there is no such" in terminal.shown and "^s Start" in terminal.shown)
    terminal.until(lambda: is_in_the_path(terminal))
    terminal.press("\x1b[F\x7f")  # end, backspace: the cursor is in the path already
    terminal.until(lambda: "imagesX" not in terminal.shown and "plain trainings" in terminal.shown)
    terminal.press("\x13" + again)
    terminal.until(lambda: "there is no such" not in terminal.shown and "Epoch heatmap" in terminal.shown)
    terminal.until(lambda: "* finished" in terminal.shown)
    assert "there is no such" not in terminal.shown
    terminal.press("q")
    assert terminal.ended() == 0
    (study,) = studies.iterdir()
    assert len(events(study, RunStarted)) == 1

    (found,) = events(study, RunCompleted)
    assert (found.test_accuracy, found.test_loss) == (expected.test_accuracy, expected.test_loss)
    replayed = hptui("replay", study / "optimized-0")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert "equal to the bit" in replayed.stdout
