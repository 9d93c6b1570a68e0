"""Event files, read by TensorBoard's own reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabricate import finished_study, make_study, run_started, trained_epoch, write_run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from hptui.export import export
from hptui.reading.studies import follow


def read(folder: Path) -> EventAccumulator:
    found = EventAccumulator(str(folder))
    found.Reload()
    return found


def test_scalars_and_hyperparameters_are_read_back(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.80, 0.82], [0.84, 0.83])
    files = export(follow(study.directory), tmp_path / "out", ("tensorboard",))
    folder = tmp_path / "out" / "tensorboard"
    assert {file.parent.relative_to(folder).as_posix() for file in files} == {
        ".", "baseline-0", "baseline-1", "optimized-0", "optimized-1",
    }  # fmt: skip
    run = read(folder / "optimized-1")
    state = next(run for run in follow(study.directory).runs if run.name == "optimized-1").state
    assert [(point.step, point.value) for point in run.Scalars("accuracy/test")] == [
        (1, pytest.approx(0.83)), (2, pytest.approx(0.83)),
    ]  # fmt: skip
    assert [point.value for point in run.Scalars("hyperparameters/lr")] == pytest.approx([0.01, 0.01])
    assert [point.value for point in run.Scalars("loss/training")] == pytest.approx([0.6, 0.6])
    assert state.completed is not None
    (cost,) = run.Scalars("final/cost")
    assert (cost.step, cost.value, cost.wall_time) == (2, pytest.approx(1.6), state.completed.time)
    start = metadata.parse_session_start_info_plugin_data(
        run.PluginTagToContent(metadata.PLUGIN_NAME)[metadata.SESSION_START_INFO_TAG]
    )
    assert start.group_name == "optimized-1"
    assert start.hparams["arm"].string_value == "optimized"
    assert start.hparams["lr"].number_value == 0.01


def test_the_hparams_tab_is_told_its_columns_and_metrics(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.80], [0.84])
    export(follow(study.directory), tmp_path / "out", ("tensorboard",))
    content = read(tmp_path / "out" / "tensorboard").PluginTagToContent(metadata.PLUGIN_NAME)
    about = metadata.parse_experiment_plugin_data(content[metadata.EXPERIMENT_TAG])
    assert {"arm", "strategy", "seed", "lr", "weight_decay"} <= {info.name for info in about.hparam_infos}
    assert [info.name.tag for info in about.metric_infos] == [
        "final/test_accuracy", "final/validation_accuracy", "final/cost",
    ]  # fmt: skip


def test_a_run_half_way_has_its_epochs_and_one_that_waits_has_no_file(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", epochs=3)
    write_run(study, "optimized", 0, [run_started(epochs=3), *trained_epoch(1), *trained_epoch(2)[:3]])
    files = export(follow(study.directory), tmp_path / "out", ("tensorboard",))
    assert len(files) == 2
    run = read(tmp_path / "out" / "tensorboard" / "optimized-0")
    assert [point.step for point in run.Scalars("loss/validation")] == [1]
    assert "final/cost" not in run.Tags()["scalars"]


def test_a_second_export_takes_the_place_of_the_first(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "study", [0.80], [0.84])
    for _ in range(2):
        export(follow(study.directory), tmp_path / "out", ("tensorboard",))
    run = read(tmp_path / "out" / "tensorboard" / "baseline-0")
    assert len(run.Scalars("accuracy/test")) == 2
