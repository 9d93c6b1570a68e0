"""A study as event files for TensorBoard: scalars of each run, and what its HPARAMS tab shows.

Written with TensorBoard's own record writer and protocol buffers (an optional extra): what reads them later is of
the same make. torch's SummaryWriter would bring torch to the reading side. Steps are epochs; times are those of
the log, so that the files of two exports are equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from hptui.errors import UsageError
from hptui.metrics.classification import sensitivity, specificity
from hptui.reading.run_state import Epoch
from hptui.reading.studies import FollowedRun, FollowedStudy

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

FOLDER = "tensorboard"
EVENT_FILE = "events.out.tfevents.0.hptui"
"""always the same, so that an export takes the place of the one before"""
FINAL = {
    "final/test_accuracy": "test accuracy",
    "final/validation_accuracy": "validation accuracy",
    "final/cost": "cost",
}
"""scalars that the HPARAMS tab compares the runs by"""


def require_tensorboard() -> None:
    """Refuse where TensorBoard is not installed, and say how to get it, before anything is written.

    Raises:
        UsageError: the extra is not installed.
    """
    try:
        import tensorboard.summary.writer.record_writer  # noqa: F401
    except ImportError:
        raise UsageError(
            "--format tensorboard needs the package tensorboard: pip install 'hptui[tensorboard]'."
        ) from None


def write_overview(study: FollowedStudy, file: BinaryIO) -> None:
    """Write which hyperparameters and metrics the HPARAMS tab has."""
    from tensorboard.plugins.hparams import summary_v2 as hparams

    values_by_name: dict[str, set[str | float]] = {}
    for run in begun(study):
        for name, value in facts(study, run).items():
            values_by_name.setdefault(name, set()).add(value)
    words = {name: sorted(w for w in values if isinstance(w, str)) for name, values in values_by_name.items()}
    columns = [hparams.HParam(name, hparams.Discrete(words[name]) if words[name] else None) for name in values_by_name]
    metrics = [hparams.Metric(tag, display_name=title) for tag, title in FINAL.items()]
    created = study.study.created
    _write(file, created, [(created, 0, hparams.hparams_config_pb(columns, metrics, created))])


def write_run(study: FollowedStudy, run: FollowedRun, file: BinaryIO) -> None:
    """Write the scalars of one run that has begun."""
    from tensorboard.plugins.hparams import summary_v2 as hparams

    started = run.state.started
    assert started is not None
    about = hparams.hparams_pb(facts(study, run), trial_id=run.name, start_time_secs=started.time)
    summaries: list[tuple[float, int, Summary]] = [(started.time, 0, about)]
    for epoch in run.state.epochs:
        if epoch.completed is not None:
            summaries.append((epoch.completed.time, epoch.number, _scalars(epoch_scalars(epoch))))
    done = run.state.completed
    if done is not None:
        final = {tag: getattr(done, tag.partition("/")[2]) for tag in FINAL}
        summaries.append((done.time, done.epoch, _scalars(final)))
    _write(file, started.time, summaries)


def facts(study: FollowedStudy, run: FollowedRun) -> dict[str, str | float]:
    """Facts that distinguish a run; of the hyperparameters, the values it ended with, or has in force."""
    started = run.state.started
    if started is None:
        return {}
    names = ("arm", "strategy", "seed", "dataset", "model", "optimizer")
    return {"study": study.study.name, **{name: getattr(started, name) for name in names}, **run.state.values}


def epoch_scalars(epoch: Epoch) -> dict[str, float]:
    """Losses, accuracies and values in force of a completed epoch; what is not finite or defined is left out."""
    done = epoch.completed
    assert done is not None
    scalars: dict[str, float | None] = {"loss/training": done.train_loss}
    for split, evaluated in (("validation", epoch.validation), ("test", epoch.test)):
        if evaluated is None:
            continue
        counts = evaluated.classes
        scalars |= {f"loss/{split}": evaluated.loss, f"accuracy/{split}": evaluated.accuracy}
        scalars |= {f"sensitivity/{split}": sensitivity(counts), f"specificity/{split}": specificity(counts)}
    scalars |= {f"hyperparameters/{name}": value for name, value in done.values.items()}
    images = {"trained": done.images_trained, "probed": done.images_probed}
    scalars |= {f"images/{kind}": float(number) for kind, number in images.items()}
    return {tag: value for tag, value in scalars.items() if value is not None}


def _scalars(values: Mapping[str, float | None]) -> Summary:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=tag, simple_value=v) for tag, v in values.items() if v is not None])


def _write(file: BinaryIO, time: float, summaries: list[tuple[float, int, Any]]) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    writer = RecordWriter(file)
    writer.write(Event(wall_time=time, file_version="brain.Event:2").SerializeToString())
    for when, step, summary in summaries:
        writer.write(Event(wall_time=when, step=step, summary=summary).SerializeToString())


def begun(study: FollowedStudy) -> Iterator[FollowedRun]:
    """Runs that have something to write."""
    yield from (run for run in study.runs if run.state.started is not None)
