"""A study on a GPU, in processes that may see it; skipped where there is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("strategy", ["grid", "adaptive", "pbt"])
def test_a_study_trains_on_the_gpu(
    gpu_environment: dict[str, str], tmp_path: Path, strategy: str, precision: str
) -> None:
    def hptui(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "hptui", *words],
            env=gpu_environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    study = str(tmp_path / "study")
    search = ["--search", "lr=1e-3:1e-1:log:3", "--search", "augmentation=0:0.5:lin:2"]
    options = ["--dataset", "digits", "--model", "small_resnet", "--epochs", "4", "--runs", "1", "--device", "cuda"]
    hptui("run", "--headless", "--strategy", strategy, *search, *options, "--precision", precision, "--out", study)
    found = json.loads(hptui("compare", study, "--json"))
    assert found["optimized"]["test_accuracy"]["mean"] > 0.2
    started = (tmp_path / "study" / "optimized-0" / "events.jsonl").read_text().splitlines()[0]
    assert "cuda:0" in started
