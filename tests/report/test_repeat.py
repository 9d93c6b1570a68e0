"""How a report says that a study can be repeated: by which commands, and what no command repeats."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import msgspec
import pytest
from fabricate import (
    AXIS,
    chosen,
    decision,
    decision_started,
    edit_study,
    finished_study,
    make_study,
    run_completed,
    run_resumed,
    run_started,
    trained_epoch,
    whole_run,
    write_run,
)
from html_page import Page

from hptui.__main__ import main
from hptui.cli.main import cli
from hptui.config import Layer, StudyConfig, resolve
from hptui.reading.changes import changes
from hptui.reading.comparison import compare
from hptui.reading.studies import FollowedStudy, follow
from hptui.record.events import Axis, EpochsAdded, RangesChanged, ValuesRequested
from hptui.record.steering import Steering, save_steering
from hptui.report import page
from hptui.report.repeat import repeat_commands, repeat_notes, repetitions

NARROWER = Axis(name="lr", low=0.01, high=0.1, scale="log", values=[0.01, 0.1])
STAMP = re.compile(r", \d{4}-\d\d-\d\d \d\d:\d\d UTC")


def read(directory: Path) -> Page:
    return Page(page(follow(directory)))


def understood(command: str) -> StudyConfig:
    """The configuration that a printed command comes to."""
    program, name, *arguments = shlex.split(command)
    assert (program, name) == ("hptui", "run")
    run = cli.get_command(click.Context(cli), "run")
    assert run is not None
    with run.make_context("run", arguments) as context:
        flags = {name: value for name, value in context.params.items() if value not in (None, (), False)}
    return resolve([Layer("flag", flags)]).config


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"search": {"lr": "1e-4:1:log:7", "dropout": "0:0.6:lin:4"}, "decide_at": [1, 2], "seed": 3},
        {
            "search": {"lr": "off", "weight_decay": "off"},
            "strategy": "fixed",
            "schedule": "cosine",
            "set": {"lr": 0.03, "momentum": 1 / 3},
        },
        {"dataset": "medmnist:a file's name.npz", "baseline": "none", "threads": 2, "train_size": 100},
        {"dataset": "folder:scans", "image_size": 64, "score": "accuracy", "horizon": 0.1},
    ],
)
def test_the_command_repeats_the_study(tmp_path: Path, settings: dict) -> None:
    study = make_study(tmp_path / "s", **settings)
    (command,) = repeat_commands(study.config)
    assert understood(command) == study.config


def test_the_command_finds_the_copy_of_the_users_own_files(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("class Net: pass\n", "utf-8")
    study = make_study(tmp_path / "s", model=f"{tmp_path / 'net.py'}:Net")
    (line,) = repeat_commands(study.config)
    command = shlex.split(line)
    place = command[command.index("--model") + 1]
    assert (study.directory / place.partition(":")[0]).read_text("utf-8") == "class Net: pass\n"
    assert "Run it in the study's folder" in read(study.directory).text


def steered_study(directory: Path) -> FollowedStudy:
    """Ranges, values and epochs of its optimized run were changed by hand, and the baseline run went on for longer."""
    study = make_study(directory)
    baseline = [*whole_run("baseline"), run_resumed(epoch=2, epochs=3), *trained_epoch(3), run_completed(3)]
    events = [
        run_started(),
        *decision(0, 1),
        *trained_epoch(1),
        RangesChanged(by="ann@lab", epoch=2, old=[AXIS], new=[NARROWER]),
        ValuesRequested(by="bob@ward", epoch=2, values={"lr": 0.05}),
        EpochsAdded(by="ann@lab", epochs=3),
        decision_started(1, 2, axes=[NARROWER]),
        chosen(1, 2, lr=0.05, reason="chosen by hand", candidate=None),
        *trained_epoch(2),
        ValuesRequested(by="bob@ward", epoch=3, values={}),
        *decision(2, 3),
        *trained_epoch(3),
        run_completed(3),
    ]
    write_run(study, "optimized", 0, events)
    write_run(study, "baseline", 0, baseline)
    save_steering(directory, Steering(epochs=3, search={"lr": "0.01:0.1:log:2"}))
    return follow(directory)


CHANGES = (
    "optimized-0, before epoch 2: ranges from lr 0.001..0.1 (3) to lr 0.01..0.1 (2), here and in later runs "
    "(by ann@lab)",
    "optimized-0, from epoch 2 on: lr 0.05 held (by bob@ward)",
    "optimized-0, during or before epoch 2: 2 epochs became 3, in every run (by ann@lab)",
    "optimized-0, before epoch 3: the strategy chooses again (by bob@ward)",
    "baseline-0, from epoch 3 on: went on to 3 epochs; until then it was to have 2",
)


def test_every_change_by_hand_is_named_with_run_epoch_and_author(tmp_path: Path) -> None:
    assert tuple(STAMP.sub("", line) for line in changes(steered_study(tmp_path / "s"))) == CHANGES


def test_result_warnings_and_repeat_say_what_was_changed_by_hand(tmp_path: Path) -> None:
    text = STAMP.sub("", Page(page(steered_study(tmp_path / "s"))).text)
    result, rest = text.split("\nWarnings\n")
    warnings, rest = rest.split("\nMissing\n")
    repeat = rest.split("\nRepeat it\n")[1]
    assert "5 changes by hand while it ran" in result
    assert all(f"changed by hand: {line}" in warnings for line in CHANGES)
    assert all(line in repeat for line in CHANGES)


def test_the_command_is_that_of_the_study_as_it_began_and_replay_repeats_the_rest(tmp_path: Path) -> None:
    study = steered_study(tmp_path / "s")
    first, second = repetitions(study)
    assert understood(first.commands[0]) == study.study.config_at_start
    assert first.words == "As it was begun, without what was changed by hand afterwards:"
    begun = understood(first.commands[0])
    assert (begun.epochs, begun.search) == (2, {"lr": "0.001:0.1:log:3"})
    assert understood(second.commands[0]) == study.study.config
    assert "another study than this one" in second.words
    replayed = next(note for note in repeat_notes(study) if note.startswith("hptui replay does"))
    assert replayed.endswith("(baseline-0, optimized-0).")


def test_a_study_that_nobody_steered_has_one_command_and_no_words(tmp_path: Path) -> None:
    finished_study(tmp_path / "s", [0.5], [0.6])
    study = follow(tmp_path / "s")
    assert [(one.words, len(one.commands)) for one in repetitions(study)] == [("", 1)]
    assert compare(study).by_hand == []
    assert not any("by hand" in note for note in repeat_notes(study))


def test_compare_says_what_was_changed_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steered_study(tmp_path / "s")
    assert main(["compare", str(tmp_path / "s")]) == 0
    printed = STAMP.sub("", capsys.readouterr().out)
    assert "5 changes by hand while it ran:" in printed
    assert all(line in printed for line in CHANGES)
    assert main(["compare", str(tmp_path / "s"), "--json"]) == 0
    assert len(msgspec.json.decode(capsys.readouterr().out)["by_hand"]) == 5
    finished_study(tmp_path / "t", [0.5], [0.6])
    assert main(["compare", str(tmp_path / "s"), str(tmp_path / "t")]) == 0
    assert "s: 5 changes by hand while it ran (hptui compare s names them)." in capsys.readouterr().out


def test_values_that_a_resumption_made_void_are_no_change(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", baseline="none")
    lost = ValuesRequested(by="bob@ward", epoch=2, values={"lr": 0.05})
    ranges = RangesChanged(by="ann@lab", epoch=2, old=[AXIS], new=[NARROWER])
    events = [run_started(), *decision(0, 1), *trained_epoch(1), lost, ranges, run_resumed(epoch=1, decisions=1)]
    write_run(study, "optimized", 0, [*events, *decision(1, 2), *trained_epoch(2), run_completed(2)])
    assert [STAMP.sub("", line) for line in changes(follow(tmp_path / "s"))] == [CHANGES[0]]


def older(directory: Path, **strategies: str) -> FollowedStudy:
    """A study of an hptui that had schedules and optimizers as strategies."""
    make_study(directory, strategy="fixed", set={"lr": 0.01}, search={"lr": "1e-4:1e-2:log:3"})
    for field, name in strategies.items():
        edit_study(directory, lambda text, of=field, is_now=name: text.replace(f'{of} = "fixed"', f'{of} = "{is_now}"'))
    return follow(directory)


@pytest.mark.parametrize(
    ("name", "field", "rate"),
    [("cosine", "schedule", 0.01), ("schedule_free", "optimizer", 0.01), ("prodigy", "optimizer", None)],
)
def test_strategies_of_an_earlier_hptui_are_repeated_by_what_they_are_now(
    tmp_path: Path, name: str, field: str, rate: float | None
) -> None:
    """Each arm alone: what is set for a study holds for both of its arms now."""
    study = older(tmp_path / "s", strategy=name)
    (repetition,) = repetitions(study)
    baseline, optimized = map(understood, repetition.commands)
    assert (baseline.strategy, baseline.baseline, baseline.schedule, baseline.optimizer) == (
        "fixed",
        "none",
        None,
        "adam",
    )
    assert baseline.set == {"lr": 0.01}
    assert (optimized.strategy, optimized.baseline, getattr(optimized, field)) == ("fixed", "none", name)
    assert optimized.set.get("lr") == rate
    notes = repeat_notes(study)
    kind = "a schedule" if field == "schedule" else "an optimizer"
    assert f"{name} was a strategy of the hptui that trained this; it is {kind} now (--{field} {name})." in notes
    assert any("hptui compare DIR DIR" in note for note in notes)


def test_both_arms_with_one_schedule_are_one_command_again(tmp_path: Path) -> None:
    study = older(tmp_path / "s", strategy="cosine", baseline="cosine")
    (command,) = repeat_commands(study.study.config)
    found = understood(command)
    assert (found.strategy, found.baseline, found.schedule) == ("fixed", "fixed", "cosine")


def test_columns_and_switches_are_repeated_as_flags() -> None:
    columns = {"image": "Image Index", "label": "dx"}
    given = {"dataset": "table:labels.csv", "column": columns, "group_pattern": "(p[0-9]+)_", "allow_overlap": True}
    config = resolve([Layer("flag", given)]).config
    (command,) = repeat_commands(config)
    assert "--column 'image=Image Index' --column label=dx" in command
    assert "--group-pattern '(p[0-9]+)_' --allow-overlap" in command
    assert "--group-column" not in command
