"""Progress without a screen: one line per epoch in a pipe, one bar in a terminal."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest
from fabricate import (
    candidate_scored,
    decision,
    decision_started,
    finished_study,
    make_study,
    run_resumed,
    run_started,
    trained_epoch,
    whole_run,
    write_run,
)
from rich.console import Console

from hptui.cli import progress as headless
from hptui.cli.headless import report_progress
from hptui.cli.progress import ProgressReport
from hptui.cli.session import Session
from hptui.errors import TrainingError
from hptui.reading.comparison import compare
from hptui.reading.progress import run_progress
from hptui.reading.run_state import state_of
from hptui.reading.studies import FollowedStudy, follow
from hptui.record.events import EpochsAdded, RunFailed
from hptui.record.run_writer import RunWriter
from hptui.record.study_directory import Study, open_study


def report(followed: FollowedStudy, *, terminal: bool = False) -> str:
    """All that is shown of a study as it is now."""
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=terminal, width=120, color_system=None, legacy_windows=False)
    finished = threading.Event()
    finished.set()
    ProgressReport(followed, console).follow(finished)
    return shown.getvalue()


def unread(study: Study) -> FollowedStudy:
    return FollowedStudy(study)


def test_a_pipe_gets_one_line_per_epoch(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "[bold]x", [0.5, 0.625], [0.75, 0.875], epochs=3)
    lines = report(unread(study)).splitlines()
    assert len(lines) == 4 * 3 + 2
    searched = [line for line in lines if "the search before" in line]
    assert [line.split("  ")[0] for line in searched] == ["optimized-0", "optimized-1"]
    for seed in (0, 1):
        for arm in ("baseline", "optimized"):
            own = [line for line in lines if line.startswith(f"{arm}-{seed}  ") and line not in searched]
            assert [f"epoch {epoch}/3" in line for epoch, line in enumerate(own, 1)] == [True] * 3
    assert "75.00%  test 75.00%  4 s  lr 0.01" in next(line for line in lines if line.startswith("optimized-0"))
    assert "lr" not in next(line for line in lines if line.startswith("baseline-0"))  # it searches nothing
    assert not any("\x1b" in line for line in lines)


def test_what_was_told_before_is_not_told_again(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", baseline="none", epochs=3)
    directory = write_run(study, "optimized", 0, [run_started(epochs=3), *trained_epoch(1)])
    followed = follow(study.directory)  # as `hptui resume` finds it
    with RunWriter(directory) as writer:
        writer.append(run_resumed(epoch=1, epochs=3, step=5, images_trained=100, seconds=4.0))
        for event in trained_epoch(2):
            writer.append(event)
    (line,) = report(followed).splitlines()
    assert line.startswith("optimized-0  epoch 2/3")


def test_whether_the_search_pays_is_told_with_every_pair_before_the_last(tmp_path: Path) -> None:
    """The last one has its verdict with the comparison, on stdout."""
    study = finished_study(tmp_path / "s", [0.5, 0.51], [0.6, 0.62], runs=4)
    told = report(unread(study)).splitlines()[-1]
    assert told == compare(follow(study.directory)).verdict.words
    assert told.startswith("The search pays here so far: +10.50 points of test accuracy")
    finished_study(tmp_path / "t", [0.5, 0.51], [0.6, 0.62])
    assert "search pays" not in report(follow(tmp_path / "t"))  # told before
    assert "search pays" not in report(FollowedStudy(open_study(tmp_path / "t")))


def test_epochs_that_were_added_count(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", baseline="none", epochs=1)
    added = EpochsAdded(by="me", epochs=2)
    write_run(study, "optimized", 0, [run_started(epochs=1), *trained_epoch(1), added, *trained_epoch(2)])
    first, second = report(unread(study)).splitlines()
    assert ("epoch 1/2" in first, "epoch 2/2" in second) == (True, True)


def test_epochs_are_told_while_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headless, "POLL_SECONDS", 0.001)
    study = make_study(tmp_path / "s", baseline="none", epochs=20)
    arm, seed, directory = study.runs()[0]
    study.create_run(arm, seed, directory)
    shown = io.StringIO()
    told_early = threading.Event()

    class Watched(io.StringIO):
        def write(self, text: str) -> int:
            told_early.set()
            return shown.write(text)

    def train() -> None:
        events = whole_run(epochs=20)
        with RunWriter(directory) as writer:
            for number, event in enumerate(events):
                if number == len(events) // 2:
                    assert told_early.wait(20), "nothing was told before the end"
                writer.append(event)

    finished = threading.Event()

    def body() -> None:
        try:
            train()
        finally:
            finished.set()

    thread = threading.Thread(target=body)
    thread.start()
    ProgressReport(unread(study), Console(file=Watched(), width=120)).follow(finished)
    thread.join()
    *epochs, searched = (line.split("  ")[1] for line in shown.getvalue().splitlines())
    assert epochs == [f"epoch {n}/20" for n in range(1, 21)]
    assert searched.startswith("the search before epochs 1 to 20: ")


def test_a_terminal_gets_a_bar_that_reaches_the_end(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "[bold]x", [0.5], [0.75])
    shown = report(unread(study), terminal=True)
    assert "100 %" in shown
    assert "all runs done" in shown
    assert "baseline-0  epoch 2/2" in shown


def test_the_bar_stands_where_the_work_stands(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s")  # planned: 1 and 1.6 plain trainings of two epochs
    assert "  0 %" in report(unread(study), terminal=True)
    write_run(study, "baseline", 0, whole_run("baseline"))
    done = run_progress(state_of(whole_run("baseline"))).work
    percentage = 100 * done / (done + 2 * 1.6)
    shown = report(unread(study), terminal=True)
    assert f"{percentage:3.0f} %" in shown
    assert "between runs" in shown
    write_run(study, "optimized", 0, [run_started(), decision_started(), candidate_scored(images=40)])
    shown = report(unread(study), terminal=True)
    assert f"{100 * (done + 0.4) / (done + 3.2):3.0f} %" in shown
    assert "2/2 optimized-0 decision 1: candidate 2/3" in shown


def test_several_runs_at_work_are_told_and_one_that_fails_meanwhile(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", runs=3)
    for arm in ("baseline", "optimized"):
        write_run(study, arm, 0, [run_started(arm=arm)])
    failed = RunFailed(error="OSError: no disk")
    with RunWriter(study.directory / "baseline-0"), RunWriter(study.directory / "optimized-0"):
        assert "runs 1, 2 of 6, 2 at work" in report(unread(study), terminal=True)
        followed = unread(study)
        write_run(study, "baseline", 1, [run_started(arm="baseline", seed=1), failed])
        assert "baseline-1  failed: OSError: no disk" in report(followed)
    followed = unread(study)
    write_run(study, "optimized", 1, [run_started(seed=1), failed])
    assert "no disk" not in report(followed)  # the last words of the study say it


def test_an_epoch_that_is_trained_anew_is_told_and_an_interruption_is_not(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", baseline="none")
    followed = unread(study)
    back = run_resumed(failed="batches of 80 ran out of memory: RuntimeError: full")
    write_run(study, "optimized", 0, [run_started(), run_resumed(), back])
    shown = report(followed)
    assert shown.count("epoch 1 failed") == 1
    assert (
        "optimized-0  epoch 1 failed, and is trained anew: batches of 80 ran out of memory: RuntimeError: full" in shown
    )


def test_names_are_shown_as_they_are(tmp_path: Path) -> None:
    """Whatever names runs may get one day: brackets are not markup."""
    study = make_study(tmp_path / "s", baseline="none")
    write_run(study, "optimized", 0, [run_started(), *trained_epoch(1)])
    for terminal in (False, True):
        followed = unread(study)
        followed.runs[0].directory = Path("[red]optimized[bold]-0")
        shown = report(followed, terminal=terminal)
        assert "[red]optimized[bold]-0  epoch 1/2" in shown
        assert ("1/1 [red]optimized[bold]-0 epoch 2" in shown) is terminal


def test_the_bar_never_passes_the_end(tmp_path: Path) -> None:
    """A strategy may need more probes than it planned."""
    study = make_study(tmp_path / "s", baseline="none")
    probes = [candidate_scored(candidate=number, images=100) for number in range(9)]
    write_run(study, "optimized", 0, [run_started(), decision_started(), *probes])
    shown = report(unread(study), terminal=True)
    assert "100 %" in shown
    assert "900 %" not in shown


def test_work_is_counted_in_epochs() -> None:
    assert run_progress(state_of([])).work == 0
    assert run_progress(state_of([run_started(images_per_epoch=0)])).work == 0
    assert run_progress(state_of([run_started(), *decision(0, 1), *trained_epoch(1)])).work == pytest.approx(1.6)


def test_own_code_that_leaves_fails_the_session() -> None:
    def prepare() -> None:
        raise SystemExit("usage")

    session = Session(prepare)  # type: ignore[arg-type]
    session.join()
    assert isinstance(session.failure, TrainingError)
    assert str(session.failure) == "own code ended the training: SystemExit: usage"


def test_whoever_gives_steps_to_a_strategy_that_passes_over_them_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Gone(Session):
        """A training that is over."""

        def __init__(self) -> None:
            self.finished = threading.Event()
            self.finished.set()

    for strategy, told in (("adaptive", True), ("pbt", True), ("grid", False)):
        study = make_study(tmp_path / strategy, strategy=strategy)
        report_progress(Gone(), study.directory)
        shown = capsys.readouterr().err
        assert (f"{strategy} takes ends and scale of each range, and values of its own" in shown) == told
