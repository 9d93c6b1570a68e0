"""What a kill or a stop loses, and what it costs that they lose so little; not a test, run by hand:

    python tests/benchmarks/durability.py lost --checkpoint-every 5steps
    python tests/benchmarks/durability.py costs --before DIR --pairs 7 [--data FOLDER]

- lost: a study (digits, lenet) is killed, or stopped and gone on with, once, at moments spread evenly over all its
  steps. How many steps were trained twice, in plain epochs, and how many candidates were measured twice. To measure an
  older source, set PYTHONPATH to it.
- costs: the same study whole, by an older source in DIR and by this one in turns, with checkpoints after each epoch
  and every ten minutes. CPU time of the training and bytes of the folder (without checkpoints, which a finished study
  does not keep), as ratios within the pair.
- pieces: of the same study, CPU time that checkpoints and lines of the log take, each and as a share of the training's.

With --data, a folder with MNIST/raw/*.gz, `costs` and `pieces` train on 10,000 of its images: epochs of seconds instead
of tenths of one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
JOB = {"dataset": "digits", "model": "lenet", "threads": 1, "runs": 1, "baseline": "none", "optimizer": "sgd"}
STRATEGIES: dict[str, dict[str, Any]] = {
    "grid": {"epochs": 3, "horizon": 0.2, "search": {"lr": "1e-3:1e-1:log:5", "weight_decay": "1e-5:1e-2:log:3"}},
    "adaptive": {"epochs": 8, "budget": 2.0, "search": {"lr": "1e-3:1e-1:log:5", "weight_decay": "1e-5:1e-2:log:3"}},
}
MNIST = {"dataset": "mnist", "train_size": 10_000, "validation_size": 2_000, "epochs": 4}
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


def job(strategy: str, data: str) -> dict[str, Any]:
    """Settings of a study of digits, or of images in `data`."""
    return JOB | STRATEGIES[strategy] | {"strategy": strategy} | (MNIST | {"data_dir": data} if data else {})


def costs(before: Path, pairs: int, data: str) -> None:
    """Print ratios of CPU time and bytes, with their spread; the first pair warms up, and does not count."""
    for strategy in STRATEGIES:
        ratios: dict[str, list[float]] = {"CPU time": [], "bytes": []}
        sources = [before, REPOSITORY]
        processes = {source: _in_turns(source, strategy, data) for source in sources}
        for pair in range(pairs + 1):
            taken = {source: _turn(processes[source]) for source in (sources if pair % 2 else sources[::-1])}
            for name, now, then in zip(ratios, taken[REPOSITORY], taken[before], strict=True):
                ratios[name] += [now / then] if pair else []
        for process in processes.values():
            process.communicate()
        for name, found in ratios.items():
            print(f"{strategy:<10} {name:<10} {_spread(found)}", flush=True)


def _spread(values: Sequence[float]) -> str:
    return (
        f"{statistics.median(values):.4f} ({min(values):.4f} to {max(values):.4f}), mean {statistics.mean(values):.4f} "
        f"± {statistics.stdev(values):.4f}, n = {len(values)}"
    )


def _in_turns(source: Path, strategy: str, data: str) -> subprocess.Popen[str]:
    """A process of this source that trains the study again and again, once it is asked to."""
    command = [sys.executable, __file__, "turns", "--strategy", strategy, "--data", data]
    environment = os.environ | {"PYTHONPATH": str(source)}
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _turn(process: subprocess.Popen[str]) -> tuple[float, int]:
    """CPU seconds of a training, and bytes of its folder."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    seconds, size = json.loads(process.stdout.readline())
    return seconds, size


def turns(strategy: str, data: str) -> None:
    """Train a study for each line of the input, and print CPU seconds and bytes."""
    from hptui.config import Layer, resolve
    from hptui.training import Control, start_study, train_study

    for _ in sys.stdin:
        with tempfile.TemporaryDirectory() as folder:
            prepared = start_study(resolve([Layer("benchmark", job(strategy, data))]).config, Path(folder, "study"))
            began = time.process_time()
            assert train_study(prepared, Control())
            seconds = time.process_time() - began
            files = [path for path in Path(folder).rglob("*") if path.is_file() and path.parent.name != "checkpoints"]
            size = sum(path.stat().st_size for path in files)
            print(json.dumps([seconds, size]), flush=True)


def pieces(times: int, data: str) -> None:
    """Print what checkpoints and lines cost, within the training; the first one warms up."""
    from hptui.config import Layer, resolve
    from hptui.record.run_writer import RunWriter
    from hptui.training import Control, start_study, train_study
    from hptui.training.run import run

    spent: dict[str, list[float]] = {}

    def timed(name: str, do: Callable[..., Any]) -> Callable[..., Any]:
        def timing(*arguments: Any) -> Any:
            began = time.process_time()
            result = do(*arguments)
            spent.setdefault(name, []).append(time.process_time() - began)
            return result

        return timing

    run.save_checkpoint = timed("checkpoint", run.save_checkpoint)  # type: ignore[attr-defined]
    RunWriter.append = timed("line", RunWriter.append)  # type: ignore[method-assign]
    for strategy in STRATEGIES:
        shares: dict[str, list[float]] = {}
        for turn in range(times + 1):
            with tempfile.TemporaryDirectory() as folder:
                prepared = start_study(resolve([Layer("benchmark", job(strategy, data))]).config, Path(folder, "study"))
                spent.clear()
                began = time.process_time()
                assert train_study(prepared, Control())
                whole = time.process_time() - began
            for name, seconds in spent.items() if turn else ():
                shares.setdefault(f"{name}, share", []).append(sum(seconds) / whole)
                shares.setdefault(f"{name}, ms", []).append(1000 * statistics.mean(seconds))
        for name, found in shares.items():
            print(f"{strategy:<10} {name:<18} {_spread(found)}", flush=True)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["lost", "costs", "turns", "pieces"])
    parser.add_argument("--moments", type=int, default=12)
    parser.add_argument("--checkpoint-every", default="", help="as of the setting; an older source may have none")
    parser.add_argument("--before", type=Path)
    parser.add_argument("--data", default="", help="folder with MNIST; without: digits")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--strategy", choices=list(STRATEGIES), help="of `turns`, which `costs` calls")
    options = parser.parse_args()
    if options.what == "lost":
        lost(options.moments, options.checkpoint_every)
    elif options.what == "pieces":
        pieces(options.pairs, options.data)
    elif options.what == "turns":
        turns(options.strategy, options.data)
    else:
        costs(options.before.resolve(), options.pairs, options.data)


if __name__ == "__main__":
    main()
