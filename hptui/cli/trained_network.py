"""The network of a completed run, ready for images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.cli.trusting import allowed_code
from hptui.errors import RunDirectoryError
from hptui.record.localizing import localized_model
from hptui.record.predictions import Model
from hptui.record.run_directory import BEST_FILE, MODEL_FILE, read_run_file
from hptui.record.study_directory import Study, open_study

if TYPE_CHECKING:
    from hptui.training.predicting import Predictor

_FILES: dict[Model, str] = {"final": MODEL_FILE, "best": BEST_FILE}


@dataclass(frozen=True)
class TrainedNetwork:
    """Network of a completed run, and the study that it is of."""

    study: Study
    predictor: Predictor
    allowed: str
    """checksum of its code, where somebody has allowed that a moment ago"""


def weights_file(run: Path, model: Model) -> Path:
    """File with the weights of a model, if the run in this directory is completed."""
    return run / _FILES[model]


def load_network(run: Path, model: Model, *, device: str | None, trust: bool) -> TrainedNetwork:
    """Build the network of a completed run.

    Args:
        run: its directory, within its study.
        model: final or best.
        device: where to compute, instead of where the study does.
        trust: run the study's own code without asking.

    Raises:
        UsageError: no completed run, or code that may not be run.
    """
    read_run_file(run)
    study = open_study(run.parent)
    file = weights_file(run, model)
    if not file.exists():
        raise RunDirectoryError(f"{run} has no {file.name}: it is not completed, or an older hptui trained it.")
    allowed = allowed_code(study, trust=trust)
    from hptui.training.predicting import load_predictor

    config = study.config
    predictor = load_predictor(
        file,
        localized_model(study, allowed),
        config.model_args,
        device=device or config.device,
        threads=config.threads,
        precision=config.precision,
    )
    return TrainedNetwork(study, predictor, allowed)
