"""The training side: engine, decisions, checkpoints. Needs torch, no screen, and no files unless asked.

from hptui.training import train
result = train(dataset="digits", model="lenet", epochs=3, search={"lr": "1e-4:1e-1:log"})
result.test_accuracy, result.values
"""
# ruff: noqa: E402 (what torch reads as it is loaded, and how it is loaded, come first)

from __future__ import annotations

import os

# Threads that wait at a barrier must sleep: with the default they spin, and on busy cores a step takes up to
# 16 times as long. OpenMP reads this once, when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hptui.training.libraries import load_torch_libraries

load_torch_libraries()

from hptui.engines import RunPlan
from hptui.training.api import TrainingResult, train
from hptui.training.inputs import prepare_inputs
from hptui.training.planned_run import train_run
from hptui.training.run.control import Control
from hptui.training.study import PreparedStudy, resume_study, start_study, train_study

__all__ = [
    "Control",
    "PreparedStudy",
    "RunPlan",
    "TrainingResult",
    "prepare_inputs",
    "resume_study",
    "start_study",
    "train",
    "train_run",
    "train_study",
]
