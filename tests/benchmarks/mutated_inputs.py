"""Damaged and made-up inputs for everything that hptui reads; not a test, run by hand (half an hour on one core):

    python tests/benchmarks/mutated_inputs.py --inputs 1000000 --seed 0

Each input is changed at random, once or a few times (tests/mutations.py), and read as commands and screens read it
(tests/readers.py). Every second one of those that carry a checksum gets the one that fits, so that what lies behind the
check is reached. It may be taken or refused; an error that is not hptui's own, and an input that takes longer than
SLOW_SECONDS, is a fault, and is printed with its seed: `--only KIND --seed SEED --inputs 1` makes that input again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mutations import Mutator
from readers import Reader, make_readers

from hptui.errors import HptuiError

SLOW_SECONDS = 10
TURNS = 100
"""the kinds take turns, so that whenever time runs out all had their share"""
MEMORY_BYTES = 4 << 30
"""address space of the process; more than that of a reader that is led astray is an error"""


class SlowError(Exception):
    """Raised where one input takes too long."""


@dataclass
class Outcome:
    """What became of the inputs of one kind."""

    taken: int = 0
    refused: int = 0
    seconds: float = 0.0
    foreign: Counter[str] = field(default_factory=Counter)
    """by the error's class and the line that raised it"""
    examples: dict[str, str] = field(default_factory=dict)
    """of each, the first: its seed and the error"""


def read_mutated(reader: Reader, seed: int, outcome: Outcome) -> None:
    """Make one input, and read it."""
    mutator = Mutator(random.Random(f"{reader.kind} {seed}"))
    content = reader.change(mutator)
    began = time.perf_counter()
    try:
        reader.read(content)
    except HptuiError:
        outcome.refused += 1
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "hptui" in Path(frame.filename).parts]
        place = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
        name = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
        outcome.foreign[name] += 1
        outcome.examples.setdefault(name, f"seed {seed}: {str(error)[:200]}")
    else:
        outcome.taken += 1
    outcome.seconds += time.perf_counter() - began


def outcomes(readers: list[Reader], inputs: int, seed: int, seconds: float = float("inf")) -> dict[str, Outcome]:
    """Outcomes by kind of so many inputs, shared out among the kinds by their weights; fewer where time runs out."""
    total, until = sum(reader.weight for reader in readers), time.monotonic() + seconds
    found = {reader.kind: Outcome() for reader in readers}
    counts = {reader.kind: max(1, round(inputs * reader.weight / total)) for reader in readers}
    for turn in range(TURNS):
        for reader in readers:
            count = counts[reader.kind]
            for number in range(count * turn // TURNS, count * (turn + 1) // TURNS):
                read_mutated(reader, seed + number, found[reader.kind])
        if time.monotonic() > until:
            break
    return found


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Bound the memory of this process, and the seconds between two signs of life."""

    def too_slow(number: int, frame: object) -> None:
        raise SlowError(f"more than {SLOW_SECONDS} s")

    signal.signal(signal.SIGALRM, too_slow)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    yield
    signal.alarm(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first input of each kind; the next has one more")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="then it ends with what it has")
    parser.add_argument("--only", default="", help="one kind of input")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, bounded():
        os.environ |= dict.fromkeys(("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"), folder)
        readers = [one for one in make_readers(Path(folder)) if asked.only in ("", one.kind)]
        for reader in readers:
            reader.read = watched(reader.read)
        found = outcomes(readers, asked.inputs, asked.seed, asked.seconds)
    for kind, outcome in found.items():
        foreign = outcome.foreign.total()
        words = f"taken {outcome.taken:8,}  refused {outcome.refused:8,}  foreign {foreign}"
        print(f"{kind:16} {outcome.taken + outcome.refused + foreign:8,} inputs {outcome.seconds:7.1f} s  {words}")
        for name, number in outcome.foreign.most_common():
            print(f"    {number:6,} {name}: {outcome.examples[name]}")
    foreign = sum(outcome.foreign.total() for outcome in found.values())
    print(f"seed {asked.seed}: {foreign} foreign errors")
    sys.exit(1 if foreign else 0)


def watched(read):
    """The same, with a limit on its time."""

    def read_in_time(content: bytes) -> object:
        signal.alarm(SLOW_SECONDS)
        try:
            return read(content)
        finally:
            signal.alarm(0)

    return read_in_time


if __name__ == "__main__":
    main()
