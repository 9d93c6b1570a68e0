"""Every way of damage under every command; not a test, run by hand (an hour on one core; --seconds for less):

    python tests/benchmarks/damage_matrix.py

One of three trained studies is damaged (tests/damage.py), each command is called in this process as a shell would call
it, and the study is put back. A fault is a traceback or an internal error, a call of more than SLOW_SECONDS, an exit
code that is none of 0 to 3, and a list that lacks a good study. Every third way the screens are opened too.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from damage import RUN, damages, put_back

from hptui.__main__ import main as hptui
from hptui.ui.app import HptuiApp

SLOW_SECONDS = 120
LOOK_SECONDS = 1.0
STUDY = "run --dataset digits --model lenet --train-size 200 --epochs 2 --runs 1 --threads 1 --headless"
SEARCH = "--search lr=1e-3:1e-1:log:2 --decide-at 1 --out {out}"
COMMANDS = (
    *("list", "list --json", "compare {bad}", "compare {bad} good --json", "compare {bad} --per-class", "stop {bad}"),
    *("compare {bad} --metric auc", "export {bad} --format csv,png --to {to}", "report {bad} --to {to}.html"),
    *("note {bad}", "watch {bad}", "clean {bad} --yes", "clean --all --yes", "note {bad} some words"),
    *("predict {bad}/{run} {image}", "predict {bad}/{run} {image} --model best", "replay {bad}/{run}"),
    *("resume {bad} --headless", "rename {bad} other", "rename other {bad}", "delete {bad} --yes"),
)
UNEXPECTED = re.compile(r"internal error|Traceback")


class SlowError(BaseException):
    """Raised where a call takes too long; nothing that hptui catches."""


def too_slow(number: int, frame: object) -> None:
    raise SlowError


def called(words: list[str]) -> tuple[int | str, str]:
    """Exit code, or what came instead, and all that was printed."""
    printed = io.TextIOWrapper(io.BytesIO(), "utf-8", "replace", write_through=True)
    signal.alarm(SLOW_SECONDS)
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            return hptui(words), printed.buffer.getvalue().decode("utf-8", "replace")  # type: ignore[attr-defined]
    except SlowError:
        return "hangs", ""
    except BaseException:
        return "traceback", traceback.format_exc()
    finally:
        signal.alarm(0)


def looked_at(study: Path | None) -> tuple[int | str, str]:
    """Open the list, or a study, as on a screen, for a moment."""

    async def look() -> None:
        app = HptuiApp(watch=study)
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause(LOOK_SECONDS)

    signal.alarm(SLOW_SECONDS)
    try:
        asyncio.run(look())
    except SlowError:
        return "hangs", ""
    except Exception:
        return "traceback", traceback.format_exc()
    finally:
        signal.alarm(0)
    return 0, ""


def fault(outcome: int | str, printed: str, words: str) -> str:
    """What is wrong with a call; empty if nothing is."""
    if outcome not in (0, 1, 2, 3):
        return str(outcome)
    if UNEXPECTED.search(printed):
        return "internal error"
    if words.startswith("list") and not all(name in printed for name in ("good", "fine")):
        return "a good study is not listed"
    return "" if outcome == 0 or "hptui: " in printed else "no message"


def trained(folder: Path) -> Path:
    """The user's studies, all three the same, and an image; returns what `bad` is to be put back from."""
    studies = folder / "hptui" / "studies"
    assert hptui([*STUDY.split(), *SEARCH.format(out=studies / "good").split()]) == 0
    for name in ("fine", "bad"):
        shutil.copytree(studies / "good", studies / name)
    from PIL import Image

    Image.new("L", (8, 8), 100).save(folder / "image.png")
    return shutil.copytree(studies / "good", folder / "sound")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="then it ends with what it has")
    parser.add_argument("--seed", type=int, default=0, help="of the order")
    parser.add_argument("--skip", type=int, default=0, help="so many in that order were done before")
    asked = parser.parse_args()
    signal.signal(signal.SIGALRM, too_slow)
    folder = Path(tempfile.mkdtemp())
    os.environ |= dict.fromkeys(("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"), str(folder))
    os.chdir(folder)
    sound, bad, until = trained(folder), folder / "hptui" / "studies" / "bad", time.monotonic() + asked.seconds
    every, codes, done, faults = list(damages().items()), Counter[int | str](), 0, list[str]()
    random.Random(asked.seed).shuffle(every)
    every = every[asked.skip :]
    for number, (name, harm) in enumerate(every):
        if time.monotonic() > until:
            break
        calls: list[tuple[str, Callable[[], tuple[int | str, str]]]] = []
        for command in COMMANDS:
            places = {"bad": "bad", "run": RUN, "to": folder / "to", "image": folder / "image.png"}
            words = command.format(**places).split()
            calls.append((command, lambda words=words: called(words)))
        screens = [("screen of the list", lambda: looked_at(None)), ("screen of the study", lambda: looked_at(bad))]
        for command, call in [*(screens if number % 3 == 0 else []), *calls]:
            put_back(bad, sound)
            shutil.rmtree(bad.with_name("other"), ignore_errors=True)
            harm(bad)
            if command.startswith("rename other"):
                hptui(["rename", "bad", "other"])
            outcome, printed = call()
            codes[outcome] += 1
            if problem := fault(outcome, printed, command):
                faults.append(f"{name} | {command} | {problem}: {printed[-300:]!r}")
                print(faults[-1], flush=True)
        done += 1
    print(
        f"{done} of {len(every)} ways of damage, {codes.total()} calls, {len(faults)} faults; exit codes {dict(codes)}"
    )
    shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
