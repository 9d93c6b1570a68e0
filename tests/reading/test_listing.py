"""Studies as a list shows them: the same numbers as everywhere else, from the ends of the logs."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from fabricate import (
    batches_trained,
    candidate_scored,
    chosen,
    configuration,
    decision,
    decision_started,
    epoch_completed,
    finished_study,
    make_study,
    run_completed,
    run_resumed,
    run_started,
    trained_epoch,
    whole_run,
    write_run,
)

from hptui.errors import RunDirectoryError
from hptui.metrics.classification import metric
from hptui.reading.comparison import Question, compare
from hptui.reading.glance import glance
from hptui.reading.listing import StudyReader
from hptui.reading.listing_words import BY_NAME, COLUMNS, INTERIM_WORDS, age, details
from hptui.reading.progress import run_progress, study_progress
from hptui.reading.studies import follow
from hptui.reading.study_line import UNREAD, UNREADABLE, StudyLine, read_line
from hptui.record import log_backwards, run_reader
from hptui.record.data_summary import DataSummary
from hptui.record.events import (
    AnyEvent,
    DecisionRepeated,
    DecisionStarted,
    EndMoved,
    EpochsAdded,
    RunContinued,
    RunFailed,
    RunPaused,
    RunStarted,
    RunStopped,
)
from hptui.record.log_backwards import events_backwards, last_event, last_of_kind
from hptui.record.notes import write_note
from hptui.record.predictions import PREDICTIONS_FILE, Predictions, read_predictions, write_predictions
from hptui.record.presence import Presence
from hptui.record.run_directory import EVENTS_FILE
from hptui.record.run_reader import RunReader
from hptui.record.run_writer import RunWriter
from hptui.record.steering import Steering, save_steering
from hptui.record.study_directory import create_study

REPEATED = DecisionRepeated(decision=1, times=2.0, values={"lr": 0.1}, changed=[], images=40, seconds=1.0)
BEGUN: list[AnyEvent] = [run_started(), *trained_epoch(1)]
DECIDED: list[AnyEvent] = [run_started(), *decision(0, 1), *trained_epoch(1)]
STOPPED: list[AnyEvent] = [*BEGUN, RunStopped(reason="SIGINT", epoch=1, step=5)]
OF_THREE: list[AnyEvent] = [run_started(epochs=3), *trained_epoch(1)[:-2]]
LONGER: list[AnyEvent] = [epoch_completed(1, end_moved=2), EndMoved(epoch=1, epochs=5, asked=3, deliverable=1)]
ENDED: list[AnyEvent] = [epoch_completed(1, end_moved=-2), EndMoved(epoch=1, epochs=1, asked=3, deliverable=1)]
GONE_ON = run_resumed(epoch=1, epochs=6, end_moved=-2, images_trained=100, images_probed=60)
LOGS: dict[str, list[AnyEvent]] = {
    "waiting": [],
    "only begun": [run_started()],
    "lost": BEGUN,
    "lost in a decision": [*BEGUN, decision_started(1, 2), candidate_scored(1, 0)],
    "stopped": STOPPED,
    "failed": [*BEGUN, batches_trained(2), RunFailed(error="ValueError: x")],
    "failed at once": [run_started(), RunFailed(error="ValueError: x")],
    "finished": whole_run(),
    "paused": [*BEGUN, RunPaused(by="me")],
    "paused in an epoch": [*BEGUN, batches_trained(2), RunPaused(by="me")],
    "continued": [*BEGUN, RunPaused(by="me"), RunContinued(by="me")],
    "trained on": [*BEGUN, RunPaused(by="me"), RunContinued(by="me"), batches_trained(2)],
    "resumed": [*STOPPED, run_resumed(epoch=1)],
    "resumed and paused": [*STOPPED, run_resumed(epoch=1), RunPaused(by="me")],
    "resumed after its end": [*whole_run(), run_resumed(epoch=2, epochs=3)],
    "resumed in a decision": [
        *DECIDED,
        *(decision_started(1, 2), candidate_scored(1, 0), candidate_scored(1, 1, images=30), candidate_scored(1, 2)),
        run_resumed(epoch=1, images_trained=100, images_probed=50, decisions=1, candidates=2),
        candidate_scored(1, 2, images=7),
    ],
    "resumed in a decision twice": [
        *DECIDED,
        *(decision_started(1, 2), candidate_scored(1, 0), candidate_scored(1, 1, images=30), chosen(1, 2)),
        batches_trained(2),
        run_resumed(epoch=1, images_trained=100, images_probed=50, decisions=1, candidates=2),
        candidate_scored(1, 2, images=7),
        run_resumed(epoch=1, images_trained=100, images_probed=20, decisions=1, candidates=1),
        candidate_scored(1, 1, images=11),
    ],
    "decided and trained on": [*DECIDED, *decision(1, 2), batches_trained(2, 2, images=40)],
    "checked": [*DECIDED, decision_started(1, 2), candidate_scored(1, 0), REPEATED],
    "more epochs": [*BEGUN, EpochsAdded(by="me", epochs=5), batches_trained(2, 2, images=40)],
    "goes on by itself": [*OF_THREE, *LONGER, batches_trained(2, 2, images=40)],
    "ended early": [*OF_THREE, *ENDED, run_completed(1, images_probed=60, end_moved=-2)],
    "ended early, and gone on with": [*OF_THREE, *ENDED, run_completed(1, end_moved=-2), GONE_ON],
    "resumed before its end was moved": [*OF_THREE, *ENDED, run_resumed(epoch=0, epochs=3)],
    "failed after resuming": [*STOPPED, run_resumed(epoch=1), RunFailed(error="ValueError: x")],
}


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("name", LOGS)
def test_a_glance_says_what_the_whole_log_does(tmp_path: Path, name: str, written: bool) -> None:
    study = make_study(tmp_path / "s", baseline="none", epochs=3)
    directory = write_run(study, "optimized", 0, LOGS[name])

    def check() -> None:
        (run,) = follow(study.directory).runs
        seen = glance(directory)
        accuracy = run.state.completed.test_accuracy if run.state.completed else None
        assert (seen.status, seen.epochs) == (run.status, run.state.epochs_completed)
        assert seen.progress == run_progress(run.state)
        assert read_line(study.directory).done == pytest.approx(study_progress(follow(study.directory)).share)
        assert seen.test_accuracy == accuracy

    if written:
        with Presence(directory):
            check()
    else:
        check()


def test_the_end_of_a_log_of_any_length_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = make_study(tmp_path / "s", baseline="none", epochs=9)
    events = [run_started(epochs=9), *(event for epoch in range(1, 9) for event in trained_epoch(epoch))]
    directory = write_run(study, "optimized", 0, [*events, *(batches_trained(9, n) for n in range(2000))])
    decoded: list[AnyEvent] = []
    decode = run_reader.decode
    for module in (run_reader, log_backwards):
        monkeypatch.setattr(module, "decode", lambda *line: decoded.append(decode(*line)) or decoded[-1])
    assert glance(directory).epochs == 8
    assert len(decoded) < 2010  # the first, the batches of the epoch under way, and the end of the one before


def test_a_run_that_ended_early_is_over_until_epochs_are_added(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", baseline="none", epochs=3)
    directory = write_run(study, "optimized", 0, LOGS["ended early"])
    line, progress = read_line(study.directory), study_progress(follow(study.directory))
    assert (line.state, line.done, line.goes_on) == ("finished", 1.0, ())
    assert progress.is_over
    save_steering(study.directory, Steering(6, dict(study.config.search)))
    line = read_line(study.directory)
    assert (line.state, line.goes_on) == ("stopped", (directory.name,))


def test_a_run_that_goes_on_by_itself_has_more_to_do(tmp_path: Path) -> None:
    expected = []
    for name in ("lost", "goes on by itself"):
        study = make_study(tmp_path / name, baseline="none", epochs=3)
        write_run(study, "optimized", 0, LOGS[name])
        expected += study_progress(follow(study.directory)).expected()
    assert expected[1] > expected[0] + 1


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 14])
@pytest.mark.parametrize("name", ["finished", "only begun", "waiting"])
def test_a_log_is_read_backwards_as_forwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, size: int
) -> None:
    monkeypatch.setattr(log_backwards, "TAIL_BYTES", size)
    monkeypatch.setattr(log_backwards, "READ_BYTES", max(size, 4096))
    directory = write_run(make_study(tmp_path / "s", baseline="none"), "optimized", 0, LOGS[name])
    forwards = RunReader(directory).read()
    assert list(events_backwards(directory)) == forwards[::-1]
    with (directory / EVENTS_FILE).open("ab") as log:
        log.write(b'{"event":"RunStopped", torn')
    assert list(events_backwards(directory)) == forwards[::-1]
    assert last_event(directory) == (forwards[-1] if forwards else None)


@pytest.mark.parametrize("size", [1, 30, 1000, 1 << 20])
def test_the_last_fact_of_a_kind_is_found_from_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(log_backwards, "READ_BYTES", size)
    directory = write_run(make_study(tmp_path / "s", baseline="none"), "optimized", 0, whole_run())
    assert last_of_kind(directory, RunFailed) is None
    (*_, expected) = [event for event in RunReader(directory).read() if isinstance(event, DecisionStarted)]
    assert last_of_kind(directory, DecisionStarted) == expected
    with (directory / EVENTS_FILE).open("ab") as log:
        log.write(b'{"event":"DecisionStarted", torn')
    assert last_of_kind(directory, DecisionStarted) == expected


def test_a_line_that_cannot_be_read_is_told_where_it_is_met(tmp_path: Path) -> None:
    directory = write_run(make_study(tmp_path / "s", baseline="none"), "optimized", 0, BEGUN)
    with (directory / EVENTS_FILE).open("ab") as log:
        log.write(b"rubbish\n")
    with pytest.raises(RunDirectoryError, match="its last line cannot be read"):
        glance(directory)


def test_results_are_those_of_the_comparison(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "s", [0.5, 0.6, 0.7], [0.6, 0.65, 0.9])
    compared, line = compare(follow(study.directory)), read_line(study.directory)
    assert line.results is not None
    assert line.results.baseline == compared.baseline.test_accuracy
    assert line.results.optimized == compared.optimized.test_accuracy
    found, expected = line.results.difference, compared.difference
    assert (found.n, found.mean, found.low, found.high) == (3, expected.mean, expected.low, expected.high)
    shown = {column.name: column.text(line) for column in COLUMNS}
    assert (shown["baseline"], shown["optimized"], shown["difference"]) == ("60.00", "71.67", "+11.67")
    assert shown["interval"] == "-7.31 to +30.64"
    assert (shown["runs"], shown["done"]) == ("6/6", "100%")
    words = " ".join(details(line))
    assert "baseline 60.00 ± 10.00, optimized 71.67 ± 16.07; difference +11.67 points" in words
    assert "(95 % interval -7.31 to +30.64, 3 pairs)" in words
    assert "6 of 6 runs finished, 12 of 12 epochs" in words


def test_progress_counts_epochs_of_all_planned_runs(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", runs=2, epochs=3)
    write_run(study, "baseline", 0, [*whole_run("baseline", epochs=3)])
    write_run(study, "optimized", 0, STOPPED)
    line = read_line(study.directory)
    assert (line.finished, line.runs, line.epochs, line.planned_epochs) == (1, 4, 4, 12)
    # probes count: the first two runs have done 4.8 and 1.6 epochs of work, of 4.8 each; 3 and 4.8 are to come
    assert line.done == pytest.approx((4.8 + 1.6) / (4.8 + 4.8 + 3 + 4.8))
    assert BY_NAME["done"].text(line) == "36%"
    assert BY_NAME["difference"].text(line) == ""
    assert "baseline 85.00" in " ".join(details(line))
    assert "difference" not in " ".join(details(line))


def test_almost_done_is_not_done(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", baseline="none", epochs=1000)
    write_run(study, "optimized", 0, [run_started(), *trained_epoch(999)])
    assert BY_NAME["done"].text(read_line(study.directory)) == "99%"


def test_a_study_without_baseline_or_with_one_pair_claims_nothing(tmp_path: Path) -> None:
    alone = make_study(tmp_path / "alone", baseline="none")
    write_run(alone, "optimized", 0, whole_run())
    line = read_line(alone.directory)
    assert [BY_NAME[name].text(line) for name in ("baseline", "optimized", "difference", "interval")] == [
        *("", "85.00", "", "")
    ]
    pair = read_line(finished_study(tmp_path / "pair", [0.5], [0.6]).directory)
    assert [BY_NAME[name].text(pair) for name in ("difference", "interval")] == ["+10.00", ""]
    assert "(1 pair)" in " ".join(details(pair))


def test_results_are_over_the_finished_pairs_and_marked_until_all_are(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "s", [0.5, 0.9], [0.6], runs=2)
    line = read_line(study.directory)
    shown = {name: BY_NAME[name].text(line) for name in ("baseline", "optimized", "difference")}
    assert shown == {"baseline": "*50.00", "optimized": "*60.00", "difference": "*+10.00"}
    assert INTERIM_WORDS in details(line)
    alone = read_line(finished_study(tmp_path / "alone", [0.5, 0.9], [], runs=2).directory)
    assert BY_NAME["baseline"].text(alone) == "70.00"  # all of them are in
    write_run(study, "optimized", 1, whole_run("optimized", 1, test_accuracy=0.8))
    whole = read_line(study.directory)
    assert [BY_NAME[name].text(whole) for name in ("baseline", "optimized", "difference")] == [
        "70.00",
        "70.00",
        "+0.00",
    ]
    assert INTERIM_WORDS not in details(whole)


def test_finished_runs_that_go_on_with_added_epochs_say_so(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "s", [0.5, 0.6], [0.6, 0.7])
    save_steering(study.directory, Steering(3, study.config.search))
    line = read_line(study.directory)
    assert (line.state, line.finished, line.goes_on) == (
        *("stopped", 4),
        ("baseline-0", "optimized-0", "baseline-1", "optimized-1"),
    )
    assert "4 of 4 runs finished, 8 of 12 epochs (epochs were added: 4 finished runs go on to 3)" in details(line)[1]
    longer = [run_resumed(epoch=2, epochs=3), *trained_epoch(3, 0.9), run_completed(3, test_accuracy=0.9)]
    with RunWriter(study.directory / "baseline-0") as writer:
        for event in longer:
            writer.append(event)
    line = read_line(study.directory)
    assert line.results is not None
    assert line.results.difference.n == 1  # a run of three epochs is not compared with one of two
    assert line.results.difference.mean == pytest.approx(0.1)
    assert compare(follow(study.directory)).difference.mean == pytest.approx(0.1)


def test_what_is_known_is_shown_at_once_then_results_then_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hptui.reading.listing.SHOW_SECONDS", 0.0)
    for name in ("a", "b"):
        finished_study(tmp_path / name, [0.5], [0.6])
    shown: list[list[StudyLine]] = []
    reader = StudyReader(tmp_path)
    lines = reader.read(show=shown.append)
    assert [line.state for line in shown[0]] == [UNREAD, UNREAD]
    assert [line.directory.name for line in shown[0]] == ["b", "a"]
    assert [line.state for line in shown[1]] == ["finished", UNREAD]  # the newest is read first
    assert [line.size is not None for line in shown[3]] == [True, False]
    assert all(line.size for line in lines)
    shown.clear()
    reader.read(show=shown.append)
    assert UNREAD not in {line.state for lines in shown for line in lines}


def test_of_a_study_that_goes_on_runs_that_have_ended_are_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = finished_study(tmp_path / "s", [0.5], [0.6], runs=2)
    write_run(study, "baseline", 1, [run_started(arm="baseline", seed=1)])
    glanced: list[str] = []
    monkeypatch.setattr("hptui.reading.study_line.glance", lambda path: glanced.append(path.name) or glance(path))
    reader = StudyReader(tmp_path)
    with Presence(study.directory):
        (before,) = reader.read()
        glanced.clear()
        assert reader.read() == [before]
        assert sorted(glanced) == ["baseline-1", "optimized-1"]
        with (study.directory / "optimized-0" / EVENTS_FILE).open("ab") as file:
            file.write(b"\n")
        (damaged,) = reader.read()
        assert "optimized-0" in damaged.problem


def test_a_note_and_a_cleaned_study_show_at_the_next_look(tmp_path: Path) -> None:
    study = finished_study(tmp_path / "s", [0.5], [0.6])
    file = study.directory / "baseline-0" / "checkpoints" / "step-000000010.pt"
    file.write_bytes(b"x" * 100_000)
    reader = StudyReader(tmp_path)
    (line,) = reader.read()
    assert line.size is not None
    assert line.size > 100_000
    file.unlink()
    write_note(study.directory, "good")
    (line,) = reader.read()
    assert line.size is not None
    assert line.size < 100_000
    assert line.note == "good"
    assert line.matches(["good"])
    assert not line.matches(["good", "mnist"])


def test_a_damaged_study_hides_no_other_and_can_be_found(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        finished_study(tmp_path / name, [0.5], [0.6])
    (tmp_path / "b" / "study.toml").write_text("= 3", "utf-8")
    shutil.rmtree(tmp_path / "c" / "optimized-0")
    lines = {line.directory.name: line for line in StudyReader(tmp_path).read()}
    assert {name: line.state for name, line in lines.items()} == {"a": "finished", "b": UNREADABLE, "c": "stopped"}
    assert "is damaged" in lines["b"].problem
    assert lines["b"].matches(["unreadable"])
    assert details(lines["b"]) == [lines["b"].problem]
    for column in COLUMNS:
        assert column.sorted(list(lines.values()))[-1].directory.name in "abc"


def line(name: str, **facts: object) -> StudyLine:
    return StudyLine(Path(name), **({"created": 0.0, "state": "finished"} | facts))  # type: ignore[arg-type]


def test_rows_are_sorted_by_every_column_with_gaps_last(tmp_path: Path) -> None:
    low = read_line(finished_study(tmp_path / "low", [0.5], [0.6]).directory)
    high = read_line(finished_study(tmp_path / "high", [0.4], [0.9]).directory)
    gap = read_line(make_study(tmp_path / "gap").directory)
    every = [gap, low, high]

    def names(column: str, *, backwards: bool = False) -> list[str]:
        return [one.directory.name for one in BY_NAME[column].sorted(every, backwards=backwards)]

    assert names("optimized") == ["high", "low", "gap"]
    assert names("optimized", backwards=True) == ["low", "high", "gap"]
    assert names("difference") == ["high", "low", "gap"]
    assert names("baseline") == ["low", "high", "gap"]
    assert names("name") == ["gap", "high", "low"]
    assert names("age") == ["gap", "high", "low"]
    assert names("age", backwards=True) == ["low", "high", "gap"]
    assert len(names("note")) == 3


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7300, "2 h"), (86400 * 3, "3 d"), (9e7, "2 y")]
)
def test_ages_have_one_unit(seconds: float, words: str) -> None:
    assert age(time.time() - seconds) == words


def test_the_epochs_of_a_run_that_got_more_of_them_count(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", baseline="none", epochs=2)
    write_run(study, "optimized", 0, [run_started(), *trained_epoch(1), *trained_epoch(2), run_completed(2)])
    assert read_line(study.directory).done == 1.0


LABELS = DataSummary(
    name="own",
    class_names=["a", "b"],
    splits={},
    channels=1,
    height=8,
    width=8,
    depth="uint8",
    lowest=0,
    highest=255,
    mean=9,
    deviation=9,
    levels=9,
    task="multi-label",
)


def labels_study(directory: Path, *, saved: bool = True) -> None:
    """A finished study of two labels per image, with accuracies that say little of its AUC."""
    plan = {"baseline": 1.0, "optimized": 1.6}
    study = create_study(directory, configuration(runs=2), "f" * 64, plan, data=LABELS)
    for seed in range(2):
        for arm, shift in (("baseline", 0.5), ("optimized", 2.0)):
            events = [
                msgspec.structs.replace(event, task="multi-label") if isinstance(event, RunStarted) else event
                for event in whole_run(arm, seed, epochs=study.config.epochs, test_accuracy=0.9 + seed / 100)
            ]
            run = write_run(study, arm, seed, events)
            random = np.random.default_rng(seed)
            labels = random.integers(0, 2, (50, 2))
            shares = 1 / (1 + np.exp(-(random.normal(size=(50, 2)) + shift * (labels - 0.5))))
            if saved:
                write_predictions(run, {("final", "test"): Predictions(labels, shares.astype(np.float32))})


def test_of_several_labels_the_mean_auc_is_shown_and_named(tmp_path: Path) -> None:
    """Most labels are absent: their accuracy is high whatever the network does, and is not what compare compares."""
    labels_study(tmp_path / "s")
    line = read_line(tmp_path / "s")
    assert line.results is not None
    assert line.results.metric == Question().asked_of("multi-label").metric  # that of compare
    saved = [read_predictions(tmp_path / "s" / f"optimized-{seed}") for seed in range(2)]
    expected = [metric("auc", predictions) for predictions in saved if predictions is not None]
    assert line.results.optimized.values == expected
    mean = line.results.optimized.mean
    assert mean is not None
    assert BY_NAME["optimized"].text(line) == f"AUC {100 * mean:.2f}"
    assert BY_NAME["difference"].text(line).startswith("+")
    assert details(line)[-1].startswith("test mean AUC %: baseline ")


def test_of_a_study_that_goes_on_predictions_are_read_again_only_once_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels_study(tmp_path / "s")
    read: list[str] = []
    monkeypatch.setattr(
        "hptui.reading.main_scores.read_predictions", lambda run: read.append(run.name) or read_predictions(run)
    )
    reader, run = StudyReader(tmp_path), tmp_path / "s" / "optimized-1"
    with Presence(tmp_path / "s"):
        (run / "events.jsonl").write_bytes(b"".join((run / "events.jsonl").read_bytes().splitlines(True)[:-1]))
        (before,) = reader.read()
        assert before.state == "running"
        assert read == ["baseline-0", "optimized-0", "baseline-1"]
        assert reader.read() == [before]
        assert len(read) == 3
        os.utime(tmp_path / "s" / "baseline-0" / PREDICTIONS_FILE, ns=(1, 1))
        reader.read()
        assert read[3:] == ["baseline-0"]


def test_of_several_labels_without_predictions_the_accuracy_is_named(tmp_path: Path) -> None:
    labels_study(tmp_path / "s", saved=False)
    line = read_line(tmp_path / "s")
    assert BY_NAME["optimized"].text(line) == "by label 90.50"
    assert details(line)[-1].startswith("test label-wise accuracy %: baseline 90.50")


def test_studies_of_other_folders_stand_beside_those_of_the_folder(tmp_path: Path) -> None:
    inside, elsewhere = make_study(tmp_path / "all" / "a"), make_study(tmp_path / "b")
    (tmp_path / "link").symlink_to(elsewhere.directory)
    beside = [elsewhere.directory, tmp_path / "link", inside.directory, tmp_path / "gone"]
    reader = StudyReader(tmp_path / "all", beside)
    assert sorted(line.directory.name for line in reader.read()) == ["a", "b"]
    beside.clear()
    assert [line.directory.name for line in reader.read()] == ["a"]
