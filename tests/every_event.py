"""A run with events of every kind, written as a training writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from fabricate import AXIS, candidate_scored, chosen, decision_started, run_resumed, whole_run

from hptui.plan import Round, Stage
from hptui.record.events import (
    AnyEvent,
    CommandRefused,
    DecisionRepeated,
    DecisionsPlanned,
    EndMoved,
    EpochsAdded,
    LandscapePredicted,
    LogMended,
    RangesChanged,
    RunContinued,
    RunFailed,
    RunPaused,
    RunStopped,
    ValuesRequested,
)
from hptui.record.predictions import Predictions, write_predictions
from hptui.record.run_writer import RunWriter
from hptui.record.study_directory import open_study


def every_event() -> list[AnyEvent]:
    """Events of a run that was planned, paused, steered, stopped, gone on with and completed: one of every kind."""
    started, *trained = whole_run(epochs=2)
    stage = Stage((1, 2), ("lr",), (Round(3, 0.2), Round(1, 0.4)), "survey", at_most=True, gained=0.2)
    first = list(trained[:5])
    return [
        started,
        DecisionsPlanned(epoch=1, stages=[stage], left_out=["dropout"], otherwise="after a bad epoch", cost=1.5),
        *first[:4],
        LandscapePredicted(decision=0, scores=[1.0, None, 0.9]),
        DecisionRepeated(decision=0, times=2.0, values={"lr": 0.1}, changed=["lr"], images=40, seconds=1.0),
        *first[4:],
        *(RunPaused(by="a@b"), RunContinued(by="a@b")),
        RangesChanged(by="a@b", epoch=2, old=[AXIS], new=[AXIS]),
        ValuesRequested(by="a@b", epoch=2, values={"lr": 0.01}),
        EpochsAdded(by="a@b", epochs=2),
        CommandRefused(by="a@b", reason="no"),
        *trained[5:12],
        EndMoved(epoch=1, epochs=3, asked=2, deliverable=1),
        RunStopped(reason="quit", epoch=1, step=5),
        run_resumed(epoch=1, step=5, decisions=1, seconds=4.0, images_trained=100, images_probed=60),
        LogMended(restored=2, removed=1),
        decision_started(1, 2),
        candidate_scored(1, 0, start=(0, 1), steps=5),
        RunFailed(error="the disk is full"),
        run_resumed(epoch=1, step=5, decisions=1, candidates=1, images_trained=100, images_probed=80, seconds=5.0),
        candidate_scored(1, 1, 0.01, start=(1, 0), steps=5),
        chosen(1, 2, excluded=[0], left_out=["dropout"], start=(1, 1)),
        *trained[16:],
    ]


def written_run(study: Path) -> Path:
    run = study / "optimized-0"
    open_study(study).create_run("optimized", 0, run)
    with RunWriter(run) as writer:
        for event in every_event():
            writer.append(event)
    labels = np.arange(100) % 3
    answers = np.random.default_rng(0).dirichlet((1, 1, 1), 100).astype(np.float32)
    whole = {
        (model, split): Predictions(labels, answers) for model in ("final", "best") for split in ("validation", "test")
    }
    write_predictions(run, whole, 10)  # type: ignore[arg-type]
    return run
