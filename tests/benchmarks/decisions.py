"""What a decision costs beside as many plain steps, and what else a run does in an epoch; not a test, run by hand:

    python tests/benchmarks/decisions.py --data DIR [--model dtu_cnn] [--rounds 5]

One training of 10,000 images of MNIST for each round, one thread, as any study's: a grid of 5 x 5 before each of two
epochs, 20 steps a candidate, 1,000 validation images; checkpoints and events as by default. All seconds are those of
its own log. `--data` is a folder with MNIST/raw/*.gz.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from hptui.config import Layer, resolve
from hptui.planning import new_strategy
from hptui.record.events import (
    AnyEvent,
    BatchesTrained,
    CandidateScored,
    Evaluated,
    Event,
    HyperparametersChosen,
    RunCompleted,
)
from hptui.record.run_directory import RunFile, create_run
from hptui.record.run_reader import RunReader
from hptui.record.run_writer import RunWriter
from hptui.training import Control, prepare_inputs
from hptui.training.run.run import Run

VALIDATION_IMAGES = 1_000
SETTINGS: dict[str, Any] = {
    "dataset": "mnist",
    "train_size": 10_000,
    "validation_size": VALIDATION_IMAGES,
    "test_size": 1_000,
    "strategy": "grid",
    "horizon": 0.2,
    "search": {"lr": "1e-4:1e-2:log:5", "weight_decay": "1e-6:1e-2:log:5"},
    "epochs": 2,
    "threads": 1,
    "stop": "never",
}
Ratios = dict[str, float]
Kind = TypeVar("Kind", bound=Event)


def of(events: Sequence[AnyEvent], kind: type[Kind]) -> list[Kind]:
    return [event for event in events if isinstance(event, kind)]


def one_round(model: str, data: Path) -> Ratios:
    """Train once; shares and ratios from its log."""
    config = resolve([Layer("benchmark", SETTINGS | {"model": model, "data_dir": str(data)})]).config
    inputs = prepare_inputs(config)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "run"
        create_run(directory, RunFile(1, "0", "optimized", 0, {}))
        with RunWriter(directory) as writer:
            strategy = new_strategy(config, "optimized")
            run = Run(
                config, inputs, strategy, "optimized", 0, emit=writer.append, control=Control(), directory=directory
            )
            began = time.perf_counter()
            run.execute()
            whole = time.perf_counter() - began
        return ratios(RunReader(directory).read(), whole)


def ratios(events: Sequence[AnyEvent], whole: float) -> Ratios:
    """What a log says; `whole`: seconds from the first event to the last."""
    trained = sum(event.seconds for event in of(events, BatchesTrained))
    steps = of(events, BatchesTrained)[-1].step
    probes = of(events, CandidateScored)
    probed, probe_steps = sum(event.seconds for event in probes), sum(event.steps for event in probes)
    decided = sum(event.seconds for event in of(events, HyperparametersChosen))
    evaluated = sum(event.seconds for event in of(events, Evaluated))
    assert isinstance(events[-1], RunCompleted)
    plain = trained / steps
    image = evaluated / sum(event.images for event in of(events, Evaluated))
    measured = image * 2 * VALIDATION_IMAGES * len(probes)  # last and averaged weights of each candidate
    return {
        "a decision / as many plain steps": decided / (probe_steps * plain),
        "the same without measuring its candidates": (decided - measured) / (probe_steps * plain),
        "what a decision does beside its candidates, share of it": 1 - probed / decided,
        "events, checkpoints and the rest, share of the run": 1 - (trained + decided + evaluated) / whole,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="dtu_cnn")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    found = [one_round(options.model, options.data) for _ in range(options.rounds)]
    for name in found[0]:
        values = [each[name] for each in found]
        print(f"{name:<58} {statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f}), n = {len(values)}")


if __name__ == "__main__":
    main()
