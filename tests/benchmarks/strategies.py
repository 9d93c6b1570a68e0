"""Strategies against each other on real images; not a test, run by hand.

    python tests/benchmarks/strategies.py run --data DIR --table mnist --out results.jsonl [--methods default adaptive]
    python tests/benchmarks/strategies.py report results.jsonl

`--data` is a folder with MNIST/raw/*.gz and MedMNIST/pneumoniamnist.npz. What the tables compare stands in
`_tables.py`. `--workers 8 --device cuda` trains eight at a time on one GPU; a run that is in the file is not trained
again, so an interrupted table goes on.

What a method has to find by retraining is chosen by validation accuracy of one run each, with a seed of its own (100),
and then trained with all seeds; its cost counts all of that. The test images are read once, of the weights that
validation preferred after the last epoch, in every method alike.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import statistics
import sys
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import torch
from _tables import TABLES, Job, Settings
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from hptui.config import Layer, resolve
from hptui.record.events import CandidateScored, HyperparametersChosen
from hptui.training import train
from hptui.training.study import prepare_inputs

SELECTION_SEED = 100

Line = dict[str, Any]
Task = tuple[str, str, int, int | None, Job]
"""table, method, seed, number of the candidate where one is to be chosen by retraining, and the job"""


def settings_of(table: str, method: str, candidate: int | None) -> Settings:
    """What is trained: a method, or one of the candidates that it chooses from by retraining."""
    found = TABLES[table].methods[method]
    if isinstance(found, list):
        assert candidate is not None
        return found[candidate]
    return found


def one(task: Task) -> Line:
    """Train once; shares of right answers, what it cost, and what was chosen at each decision."""
    table, method, seed, candidate, job = task
    settings = settings_of(table, method, candidate)
    done = train(**{**job, **settings, "seed": seed})
    line: Line = {
        "table": table,
        "method": method,
        "seed": seed,
        "candidate": candidate,
        "test": done.test_accuracy,
        "validation": done.validation_accuracy,
        "cost": done.cost,
        "values": short(done.values),
        "chosen": [[e.epoch, short(e.values), e.reason] for e in done.events if isinstance(e, HyperparametersChosen)],
        "diverged": sum(e.diverged for e in done.events if isinstance(e, CandidateScored)),
        "device": torch.cuda.get_device_name() if job["device"] == "cuda" else "cpu",
    }
    if TABLES[table].medical:
        line |= medical(done.network, job)
    return line


def short(values: dict[str, float]) -> dict[str, float]:
    """Three digits."""
    return {name: float(f"{value:.3g}") for name, value in values.items()}


def medical(network: torch.nn.Module, job: Job) -> Line:
    """Balanced accuracy, at a threshold of one half, and AUC on the test images of two classes."""
    inputs = prepare_inputs(resolve([Layer("benchmark", job)]).config)
    with torch.inference_mode():
        output = network(inputs.data.normalise(inputs.test.pixels))
        positive = output.softmax(1)[:, 1].cpu().numpy()
    labels = inputs.test.labels.cpu().numpy()
    return {
        "balanced": float(balanced_accuracy_score(labels, positive > 0.5)),
        "auc": float(roc_auc_score(labels, positive)),
    }


def run(options: argparse.Namespace) -> None:
    """Append one line per run; first those that something is chosen from, then all else."""
    methods = [(table, name) for table in options.table for name in options.methods or TABLES[table].methods]
    jobs = {table: TABLES[table].job(options.data) | {"device": options.device} for table in options.table}
    for table, name in methods:
        if name not in TABLES[table].methods:
            raise SystemExit(f"table {table} has no {name}; it has {', '.join(TABLES[table].methods)}")
    tried = [
        (table, name, SELECTION_SEED, number, jobs[table])
        for table, name in methods
        if isinstance(found := TABLES[table].methods[name], list)
        for number in range(len(found))
    ]
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        work(pool, options.out, tried)
        best = {(table, name): best_candidate(options.out, table, name) for table, name, *_ in tried}
        tasks = [
            (table, name, seed, best.get((table, name)), jobs[table])
            for table, name in methods
            for seed in seeds(options.seeds or TABLES[table].seeds)
        ]
        work(pool, options.out, tasks)


def seeds(text: str) -> range:
    """FIRST-LAST, or one."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def best_candidate(out: Path, table: str, method: str) -> int:
    """By validation accuracy."""
    tried = [line for line in lines_of([out], table) if (line["method"], line["seed"]) == (method, SELECTION_SEED)]
    return int(max(tried, key=lambda line: line["validation"])["candidate"])


def work(pool: Pool, out: Path, tasks: list[Task]) -> None:
    there = [(line["table"], line["method"], line["seed"], line["candidate"]) for line in lines_of([out])]
    left = [task for task in tasks if task[:4] not in there]
    for line in pool.imap_unordered(one, left):
        with out.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(f"{line['table']} {line['method']:<28} {line['seed']:>3} {100 * line['test']:.2f}", flush=True)


def lines_of(files: list[Path], table: str | None = None) -> list[Line]:
    lines = [json.loads(line) for path in files if path.exists() for line in path.read_text().splitlines()]
    return [line for line in lines if table in (None, line["table"])]


def report(options: argparse.Namespace) -> None:
    """Tables in Markdown, each method paired by seed with the first one."""
    lines = lines_of(options.files)
    for name in dict.fromkeys(line["table"] for line in lines):
        table = TABLES[name]
        measures = {"test accuracy %": "test"}
        if table.medical:
            measures |= {"balanced accuracy %": "balanced", "AUC %": "auc"}
        for title, key in measures.items():
            print(f"\n**{name}: {title}**; {lines[0]['device']}\n")
            print_table(name, title, key, [line for line in lines if line["table"] == name])


def print_table(table: str, title: str, key: str, lines: list[Line]) -> None:
    found = {
        method: {line["seed"]: line for line in lines if line["method"] == method and line["seed"] != SELECTION_SEED}
        for method in TABLES[table].methods
    }
    found = {method: by_seed for method, by_seed in found.items() if by_seed}
    reference = next(iter(found))
    print(f"| method | n | {title} (mean ± sd) | worst | cost | against {reference} (95 % interval) |")
    print("| --- | --- | --- | --- | --- | --- |")
    for method, by_seed in found.items():
        numbers = [100 * line[key] for line in by_seed.values()]
        searched = sum(line["cost"] for line in lines if line["method"] == method and line["seed"] == SELECTION_SEED)
        cost = statistics.mean(line["cost"] for line in by_seed.values()) + searched
        spread = f" ± {statistics.stdev(numbers):.2f}" if len(numbers) > 1 else ""
        pairs = [
            100 * (by_seed[seed][key] - found[reference][seed][key])
            for seed in sorted(by_seed.keys() & found[reference].keys())
        ]
        words = interval(pairs) if method != reference and len(pairs) > 1 else "-"
        mean = statistics.mean(numbers)
        print(f"| {method} | {len(numbers)} | {mean:.2f}{spread} | {min(numbers):.2f} | {cost:.2f} | {words} |")


def interval(differences: list[float]) -> str:
    """Mean of paired differences with Student's interval."""
    mean, n = statistics.mean(differences), len(differences)
    half = float(stats.t.ppf(0.975, n - 1)) * statistics.stdev(differences) / math.sqrt(n)
    return f"{mean:+.2f} ({mean - half:+.2f} to {mean + half:+.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    running = commands.add_parser("run")
    running.add_argument("--data", required=True)
    running.add_argument("--table", nargs="+", choices=TABLES, default=["mnist"])
    running.add_argument("--out", type=Path, required=True)
    running.add_argument("--methods", nargs="+")
    running.add_argument("--seeds", help="FIRST-LAST; default: the table's own")
    running.add_argument("--workers", type=int, default=1)
    running.add_argument("--device", default="cpu")
    running.set_defaults(do=run)
    reporting = commands.add_parser("report")
    reporting.add_argument("files", nargs="+", type=Path)
    reporting.set_defaults(do=report)
    options = parser.parse_args()
    options.do(options)


if __name__ == "__main__":
    sys.exit(main())
