"""What a kill or a stop loses, and what it costs that they lose so little; not a test, run by hand:

    python tests/benchmarks/durability.py lost --checkpoint-every 5steps
    python tests/benchmarks/durability.py costs --before DIR --pairs 7

- lost: a study (digits, lenet) is killed, or stopped and gone on with, once, at moments spread evenly over all its
  steps. How many steps were trained twice, in plain epochs, and how many candidates were measured twice. To measure an
  older source, set PYTHONPATH to it.
- costs: `hptui run` of an older source in DIR and of this one in turns, with checkpoints every ten minutes. CPU time of
  the whole process, seconds by the run's own clock, and bytes of the folder, as ratios within the pair.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
JOB = {"dataset": "digits", "model": "lenet", "threads": 1, "runs": 1, "baseline": "none", "optimizer": "sgd"}
STRATEGIES: dict[str, dict[str, Any]] = {
    "grid": {"epochs": 3, "horizon": 0.2, "search": {"lr": "1e-3:1e-1:log:5", "weight_decay": "1e-5:1e-2:log:3"}},
    "adaptive": {"epochs": 8, "budget": 2.0, "search": {"lr": "1e-3:1e-1:log:5", "weight_decay": "1e-5:1e-2:log:3"}},
}
RUN = "optimized-0"


class Killed(BaseException):
    """As if the process were gone."""


def lost(moments: int, every: str) -> None:
    """Print a table of what is trained and measured twice."""
    print("strategy    end    epochs lost: mean (largest)    candidates twice: mean (largest)    n")
    for strategy, own in STRATEGIES.items():
        settings = JOB | own | {"strategy": strategy} | ({"checkpoint_every": every} if every else {})
        with tempfile.TemporaryDirectory() as folder:
            whole_steps, whole_measured, per_epoch = _train(settings, Path(folder, "whole"))
            for end in ("kill", "stop"):
                epochs, candidates = [], []
                for moment in range(moments):
                    at = round((moment + 0.5) * whole_steps / moments)
                    steps, measured, _ = _train(settings, Path(folder, f"{end}-{moment}"), end, at)
                    epochs.append((steps - whole_steps) / per_epoch)
                    candidates.append(measured - whole_measured)
                print(
                    f"{strategy:<11} {end}   {statistics.mean(epochs):12.2f} ({max(epochs):.2f})"
                    f"{statistics.mean(candidates):26.2f} ({max(candidates)}){moments:>22}",
                    flush=True,
                )


def _train(settings: dict[str, Any], folder: Path, end: str = "", at: int = 0) -> tuple[int, int, int]:
    """Train to the end, interrupted after so many steps; steps, candidates measured, and steps of an epoch."""
    from hptui.config import Layer, resolve
    from hptui.record.events import CandidateScored
    from hptui.record.run_reader import RunReader
    from hptui.record.study_directory import open_study
    from hptui.training import Control, start_study, train_study
    from hptui.training.engine.loop import Trainer
    from hptui.training.study import PreparedStudy

    step, steps, control = Trainer.step, 0, Control()

    def counted(trainer: Trainer) -> Any:
        nonlocal steps
        if end == "kill" and steps == at:
            steps += 1  # the next life goes on counting
            raise Killed
        steps += 1
        if end == "stop" and steps == at:
            control.stop("test")
        return step(trainer)

    Trainer.step = counted  # type: ignore[assignment]
    try:
        prepared = start_study(resolve([Layer("benchmark", settings)]).config, folder)
        steps = 0  # those of the try-out are none
        while True:
            try:
                if train_study(prepared, control):
                    break
            except Killed:
                steps -= 1
            prepared, control = PreparedStudy(open_study(folder), prepared.config, prepared.inputs), Control()
            end = ""
    finally:
        Trainer.step = step  # type: ignore[method-assign]
    images = len(prepared.inputs.data.train)
    events = RunReader(folder / RUN).read()
    return steps, sum(isinstance(event, CandidateScored) for event in events), -(-images // 100)


def costs(before: Path, pairs: int) -> None:
    """Print ratios of CPU time, seconds and bytes, with their spread."""
    for strategy, own in STRATEGIES.items():
        ratios: dict[str, list[float]] = {"CPU time": [], "seconds of the run": [], "bytes": []}
        for pair in range(pairs):
            order = [before, REPOSITORY] if pair % 2 else [REPOSITORY, before]
            taken = {source: _whole(source, strategy, own) for source in order}
            for name, now, then in zip(ratios, taken[REPOSITORY], taken[before], strict=True):
                ratios[name].append(now / then)
        for name, found in ratios.items():
            print(f"{strategy:<10} {name:<20} {_spread(found)}", flush=True)


def _spread(values: Sequence[float]) -> str:
    return (
        f"{statistics.median(values):.4f} ({min(values):.4f} to {max(values):.4f}), mean {statistics.mean(values):.4f} "
        f"± {statistics.stdev(values):.4f}, n = {len(values)}"
    )


def _whole(source: Path, strategy: str, own: dict[str, Any]) -> tuple[float, float, int]:
    """CPU seconds of a process, seconds of its run, and bytes of its folder."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder, "study")
        settings = {"dataset": "digits", "model": "lenet", "threads": 1, "runs": 1, "baseline": "none"} | own
        settings |= {"strategy": strategy, "epochs": 4 * own["epochs"]}
        flags: list[str] = []
        for name, value in settings.items():
            pairs = [f"{key}={text}" for key, text in value.items()] if isinstance(value, dict) else [str(value)]
            flags += [part for one in pairs for part in (f"--{name.replace('_', '-')}", one)]
        command = [sys.executable, "-m", "hptui", "run", *flags, "--headless", "--out", str(study)]
        environment = os.environ | {"PYTHONPATH": str(source), "XDG_DATA_HOME": folder, "XDG_STATE_HOME": folder}
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
        end = json.loads((study / RUN / "events.jsonl").read_bytes().splitlines()[-1])
        size = sum(path.stat().st_size for path in study.rglob("*") if path.is_file())
        return usage.ru_utime + usage.ru_stime, end["seconds"], size


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["lost", "costs"])
    parser.add_argument("--moments", type=int, default=12)
    parser.add_argument("--checkpoint-every", default="", help="as of the setting; an older source may have none")
    parser.add_argument("--before", type=Path)
    parser.add_argument("--pairs", type=int, default=7)
    options = parser.parse_args()
    if options.what == "lost":
        lost(options.moments, options.checkpoint_every)
    else:
        costs(options.before.resolve(), options.pairs)


if __name__ == "__main__":
    main()
