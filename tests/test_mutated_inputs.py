"""Nothing but hptui's own errors comes of damaged and made-up inputs.

By hand, with a million: tests/benchmarks/mutated_inputs.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "benchmarks"))

from mutated_inputs import Outcome, read_mutated
from readers import Reader, make_readers

INPUTS = 20_000
SLOW = ("events.jsonl", "run.json", "predictions.npz", "wrong_images.npz")
"""of these a tenth of their share: one of them takes as long as ten others"""
KINDS = (
    *("config.toml", "a setting", "screen.json", "study.toml", "steering.json", "note.txt", "heartbeat.json", "places"),
    *("model.pt", "commands", "words", *SLOW),
)


@pytest.fixture
def readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Reader]:
    for variable in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    return {reader.kind: reader for reader in make_readers(tmp_path)}


@pytest.mark.parametrize("kind", KINDS)
def test_only_errors_of_hptui_come_of_mutated_inputs(readers: dict[str, Reader], kind: str) -> None:
    reader, outcome = readers[kind], Outcome()
    share = reader.weight / sum(reader.weight for reader in readers.values())
    for seed in range(round(INPUTS * share / (10 if kind in SLOW else 1))):
        read_mutated(reader, seed, outcome)
    assert not outcome.foreign, outcome.examples
    assert outcome.taken > 0


def test_every_kind_has_its_turn(readers: dict[str, Reader]) -> None:
    assert set(readers) == set(KINDS)
