"""What engines that train elsewhere cost beside `processes`, for runs of about a minute; not a test, run by hand:

    HPTUI_TEST_DATA=FOLDER python tests/benchmarks/engines.py ray --parallel 2 --pairs 5

The same study is trained by `processes` and by the engine on this machine, from the command to the comparison, in
turns; the ratio is taken within the pair. Ray starts a cluster of its own here, and that is in its time. The final
weights of both studies are compared to the bit.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from pathlib import Path

from parallel import differing, train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", help="ray or slurm")
    parser.add_argument("--parallel", default="2", help="runs at a time")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--runs", default="4", help="of each arm")
    parser.add_argument("--images", default="10000", help="choose so that a run takes about a minute")
    parser.add_argument("--epochs", default="2")
    parser.add_argument("--model", default="dtu_cnn")
    options = parser.parse_args()
    words = ["--dataset", "mnist", "--train-size", options.images, "--epochs", options.epochs, "--runs", options.runs]
    words += ["--model", options.model, "--strategy", "grid", "--threads", "1", "--device", "cpu"]
    words += ["--search", "lr=1e-4:1e-1:log:5", "--search", "weight_decay=1e-6:1e-2:log:3"]
    words += ["--data-dir", data] if (data := os.environ.get("HPTUI_TEST_DATA")) else []
    ratios = []
    for pair in range(options.pairs):
        with tempfile.TemporaryDirectory() as name:
            ways = ("processes", options.engine) if pair % 2 == 0 else (options.engine, "processes")
            folders = {engine: Path(name) / engine for engine in ways}
            starts = {
                engine: train(folder, [*words, "--engine", engine], options.parallel)
                for engine, folder in folders.items()
            }
            for engine, start in starts.items():
                print(f"{pair}  {engine:<10} {start.seconds:7.1f} s", flush=True)
            if found := differing(*folders.values()):
                raise SystemExit(f"final weights differ: {', '.join(found)}")
            ratios.append(starts[options.engine].seconds / starts["processes"].seconds)
    spread = f"({min(ratios):.3f} to {max(ratios):.3f}, n = {len(ratios)})"
    print(f"{options.engine} / processes: median {statistics.median(ratios):.3f} {spread}")


if __name__ == "__main__":
    main()
