"""Everything that reads what somebody else may have written, each with inputs that it takes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import tomli_w
from fabricate import AXIS, candidate_scored, chosen, decision_started, make_study, run_resumed, values, whole_run
from mutations import Mutator

from hptui.cli.recipe import recipe_of
from hptui.config import FIELDS, Layer, environment_layer, file_layer, parse_interval, resolve
from hptui.config.checking import file_problems
from hptui.errors import HptuiError, nearest, nearest_first
from hptui.export.formats import parse_formats
from hptui.export.tables import tables
from hptui.metrics.classification import METRICS, check_metric, metric
from hptui.metrics.thresholds import choose_threshold
from hptui.plan import Plan, Round, Stage, plan_lines
from hptui.reading.alerts import AlertFinder
from hptui.reading.cautions import cautions
from hptui.reading.changes import changes
from hptui.reading.comparison import Question, compare
from hptui.reading.comparison.by_class import by_class
from hptui.reading.comparison.words import comparison_lines
from hptui.reading.glance import glance
from hptui.reading.listing import StudyReader
from hptui.reading.listing_words import COLUMNS, details
from hptui.reading.outcomes import confusions, roc_curves
from hptui.reading.plan import coming_lines
from hptui.reading.progress import seconds_left
from hptui.reading.studies import FollowedStudy, follow
from hptui.reading.views.heatmap import heatmap, heatmap_parts
from hptui.record.commands import COMMANDS, AddEpochs, ChangeRanges, CommandInbox, StopRun, UseValues
from hptui.record.events import (
    AnyEvent,
    CommandRefused,
    DecisionRepeated,
    DecisionsPlanned,
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
from hptui.record.housekeeping import checked_name, require_own
from hptui.record.machine_paths import recall_paths, remember_paths
from hptui.record.notes import NOTE_FILE, read_note
from hptui.record.predictions import PREDICTIONS_FILE, Predictions, read_predictions, write_predictions
from hptui.record.presence import HEARTBEAT, Heartbeat, is_written
from hptui.record.run_directory import EVENTS_FILE, RUN_FILE, read_run_file
from hptui.record.run_reader import RunReader
from hptui.record.run_writer import RunWriter
from hptui.record.seals import CHECKSUM, Origin, check_archive, seal_archive, seal_line, seal_struct, seal_text
from hptui.record.study_directory import STEERING_FILE, STUDY_FILE, Steering, open_study
from hptui.record.study_names import find_run, find_study
from hptui.space import parse_range
from hptui.ui.appearance import SETTINGS, load_settings
from hptui.ui.drawing.event_words import event_words

OF_A_LINE = (b"\n", b"\r")


@dataclass
class Reader:
    """One thing that is read."""

    kind: str
    weight: int
    """how many inputs it gets, compared with others"""
    change: Callable[[Mutator], bytes]
    """makes an input"""
    read: Callable[[bytes], object]
    """reads it as commands and screens do"""


def make_readers(folder: Path) -> list[Reader]:
    """Readers of all kinds; files are within `folder`, which is also where those of the user are."""
    study = make_study(folder / "hptui" / "studies" / "study").directory
    run = _written_run(study)
    return [*_of_settings(folder), *_of_a_study(study), *_of_a_run(study, run), *_of_words(study)]


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


def _written_run(study: Path) -> Path:
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


def _raw(*seeds: bytes) -> Callable[[Mutator], bytes]:
    return lambda mutator: mutator.content(seeds)


def _sealed(content: bytes, plain: Callable[[bytes], Any], seal: Callable[[Any], bytes]) -> Callable[[Mutator], bytes]:
    """Bytes of the file changed, or what it says, with a checksum that fits."""

    def change(mutator: Mutator) -> bytes:
        if mutator.coin():
            return mutator.content([content])
        with_seal = plain(content)
        for _ in range(mutator.few()):
            with_seal = mutator.plain(with_seal)
        try:
            return seal(with_seal)
        except (AttributeError, TypeError, ValueError, OverflowError):  # a form that the file cannot have
            return mutator.content([content])

    return change


def _of_settings(folder: Path) -> list[Reader]:
    config = folder / "config.toml"
    whole = tomli_w.dumps(
        {"dataset": "digits", "epochs": 3, "decide-at": [1, 2], "horizon": 0.5, "batch_size": 20}
        | {"search": {"lr": "1e-4:1e-1:log:5", "dropout": {"low": 0, "high": 0.5}}, "set": {"weight_decay": 1e-4}}
    ).encode()

    def read_config(content: bytes) -> object:
        config.write_bytes(content)
        file_problems(config)
        return resolve([file_layer(config)])

    def change_setting(mutator: Mutator) -> bytes:
        field = list(FIELDS)[mutator.index(list(FIELDS)) or 0]
        seeds = [text for name, text in texts if name == field] or [text for _, text in texts]
        return field.encode() + b" " + mutator.content(seeds)

    def read_setting(content: bytes) -> object:
        field, _, text = os.fsdecode(content).partition(" ")
        flag = (text,) if field in ("set", "search") else text
        with contextlib.suppress(HptuiError):
            resolve([environment_layer({f"HPTUI_{field.upper()}": text})])
        return resolve([Layer("flag", {field: flag})])

    def read_screen(content: bytes) -> object:
        (folder / "hptui" / SETTINGS).write_bytes(content)
        return load_settings()

    texts = [
        *(
            ("epochs", b"3"),
            ("runs", b"2"),
            ("seed", b"7"),
            ("decide_at", b"1,2"),
            ("horizon", b"0.2"),
            ("budget", b"1.5"),
        ),
        *(
            ("search", b"lr=1e-4:1e-1:log:5 dropout=0:0.6:lin:4"),
            ("set", b"weight_decay=5e-4 lr=0.1"),
            ("device", b"auto"),
        ),
        *(("checkpoint_every", b"10m"), ("checkpoint_every", b"500steps"), ("dataset", b"medmnist:x.npz")),
        *(("model", b"path/file.py:Name"), ("strategy", b"adaptive"), ("score", b"auc"), ("out", b"/a/study")),
    ]
    screen = msgspec.json.encode(load_settings())
    return [
        Reader("config.toml", 12, _raw(whole, b"\xef\xbb\xbf" + whole), read_config),
        Reader("a setting", 20, change_setting, read_setting),
        Reader("screen.json", 4, _raw(screen), read_screen),
    ]


def _of_a_study(study: Path) -> list[Reader]:
    content = (study / STUDY_FILE).read_bytes()
    steering = seal_struct(Steering(3, {"lr": "0.001:0.1:log:3"}))

    def plain_study(content: bytes) -> Any:
        import tomllib

        found = tomllib.loads(content.decode())
        plan = Plan((Stage((1, 2), ("lr",), (Round(3, 0.2),)),), ("dropout",))
        return {key: value for key, value in found.items() if key != CHECKSUM} | {
            "plans": {"optimized": msgspec.to_builtins(plan)},
            "disk": {"kept": 5, "checkpoint": 7},
        }

    def read_study(content: bytes) -> object:
        (study / STUDY_FILE).write_bytes(content)
        opened = open_study(study)
        require_own(study)
        lines = [plan_lines(plan) for plan in opened.plans.values()]
        return [opened.config.space, opened.config.decision_epochs(), opened.runs(), lines, _listed(study)]

    def read_steering(changed: bytes) -> object:
        (study / STUDY_FILE).write_bytes(content)
        (study / STEERING_FILE).write_bytes(changed)
        try:
            return open_study(study).config.space
        finally:
            (study / STEERING_FILE).unlink()

    def read_the_note(content: bytes) -> object:
        (study / NOTE_FILE).write_bytes(content)
        return read_note(study).encode()

    def read_heartbeat(content: bytes) -> object:
        (study / HEARTBEAT).write_bytes(content)
        try:
            return is_written(study)
        finally:
            (study / HEARTBEAT).unlink()

    def read_places(content: bytes) -> object:
        places.write_bytes(content)
        return recall_paths("abc")

    remember_paths("abc", {"data_dir": "/data"})
    places = next(study.parents[2].rglob("abc.json"))
    beat = msgspec.json.encode(Heartbeat(pid=1, host="host", time=1e9))
    return [
        Reader(
            STUDY_FILE,
            12,
            _sealed(content, plain_study, lambda plain: seal_text(tomli_w.dumps(plain)).encode()),
            read_study,
        ),
        Reader(STEERING_FILE, 8, _sealed(steering, json.loads, _resealed), read_steering),
        Reader(NOTE_FILE, 2, _raw("Größe, 3 Läufe\n".encode()), read_the_note),
        Reader(HEARTBEAT, 4, _raw(beat), read_heartbeat),
        Reader("places", 2, _raw(places.read_bytes()), read_places),
    ]


def _resealed(plain: Any) -> bytes:
    """JSON with the checksum that fits, as far as it can have one."""

    if not isinstance(plain, dict):
        return msgspec.json.encode(plain)
    kept = {key: value for key, value in plain.items() if key != CHECKSUM}
    digest = hashlib.sha256(msgspec.json.encode(kept)).hexdigest()
    return msgspec.json.encode(kept | {CHECKSUM: digest})


def _listed(study: Path) -> object:
    lines = StudyReader(study.parent).read()
    return [[column.text(line) for column in COLUMNS] + details(line) for line in lines]


def _of_a_run(study: Path, run: Path) -> list[Reader]:
    sound_study = (study / STUDY_FILE).read_bytes()
    sound = {name: (run / name).read_bytes() for name in (RUN_FILE, EVENTS_FILE, PREDICTIONS_FILE)}

    def put_back() -> None:
        (study / STUDY_FILE).write_bytes(sound_study)
        for name, content in sound.items():
            (run / name).write_bytes(content)

    def read_log(content: bytes) -> object:
        put_back()
        (run / EVENTS_FILE).write_bytes(content)
        glance(run)
        return look_at(follow(study), run)

    def read_run(content: bytes) -> object:
        put_back()
        (run / RUN_FILE).write_bytes(content)
        return [read_run_file(run), glance(run), read_predictions(run)]

    def read_answers(content: bytes) -> object:
        put_back()
        (run / PREDICTIONS_FILE).write_bytes(content)
        found = read_predictions(run)
        return None if found is None else [metric(name, found) for name in METRICS]

    def read_archive(content: bytes) -> object:
        path = run / "model.pt"
        path.write_bytes(content)
        return check_archive(path, Origin("", "optimized", 0, 0))

    def read_commands(content: bytes) -> object:
        inbox = CommandInbox(study)
        path = study / COMMANDS / "a.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        try:
            return inbox.receive()
        finally:
            path.unlink()

    asked = (AddEpochs(epochs=2), ChangeRanges(search={"lr": "1e-3:1e-1:log:3"}), UseValues(run="a", values=values()))
    lines = b"".join(msgspec.json.encode(command) + b"\n" for command in (*asked, StopRun(run="optimized-0")))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("archive/data.pkl", b"x" * 200)
    seal_archive(archive, Origin("", "optimized", 0, 5))
    return [
        Reader(EVENTS_FILE, 6, _changed_log(sound[EVENTS_FILE]), read_log),
        Reader(RUN_FILE, 5, _sealed(sound[RUN_FILE], json.loads, _resealed), read_run),
        Reader(PREDICTIONS_FILE, 3, _changed_archive(sound[PREDICTIONS_FILE]), read_answers),
        Reader("model.pt", 5, _changed_archive(archive.getvalue()), read_archive),
        Reader("commands", 8, _raw(lines), read_commands),
    ]


def _changed_log(content: bytes) -> Callable[[Mutator], bytes]:
    """Bytes of the log changed, or one or a few of its facts, or their order, with checksums that fit."""
    facts = [json.loads(line) for line in content.splitlines()]
    facts = [{key: value for key, value in fact.items() if key != "crc"} for fact in facts]

    def change(mutator: Mutator) -> bytes:
        if mutator.coin(0.2):
            return mutator.content([content])
        changed = list(facts)
        for _ in range(mutator.few()):
            index = mutator.index(changed)
            if index is None:
                break
            match mutator.few():
                case 1:
                    changed[index] = mutator.plain(changed[index])
                case 2:
                    del changed[index]
                case _:
                    changed.insert(mutator.index(changed) or 0, changed[index])
        return b"".join(seal_line(json.dumps(fact, separators=(",", ":")).encode()) + b"\n" for fact in changed)

    return change


def _changed_archive(content: bytes) -> Callable[[Mutator], bytes]:
    """Bytes of an archive changed, or those of a member, or of its seal with the checksum that fits."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    def change(mutator: Mutator) -> bytes:
        if mutator.coin():
            return mutator.content([content])
        made = io.BytesIO()
        changed = list(members)[mutator.index(list(members)) or 0]
        with zipfile.ZipFile(made, "w") as archive:
            for name, member in members.items():
                archive.writestr(name, mutator.content([member]) if name == changed else member)
        if mutator.coin():
            seal_archive(made, Origin("", "optimized", 0, 5))
        return made.getvalue()

    return change


def _of_words(study: Path) -> list[Reader]:
    whole = Predictions(np.array([0, 1, 1]), np.array([[0.6, 0.4], [0.3, 0.7], [0.8, 0.2]], np.float32))

    def read_words(content: bytes) -> object:
        text = os.fsdecode(content).replace("\0", "")
        readers: Sequence[Callable[[str], object]] = (
            *(parse_interval, check_metric, parse_formats, checked_name, find_study, find_run),
            *(lambda text: choose_threshold(whole, text), lambda text: parse_range("lr", text)),
            *(lambda text: nearest(text, METRICS), lambda text: nearest_first(text, METRICS)),
        )
        return readers[len(text) % len(readers)](text)

    seeds = (b"10m", b"500steps", b"1.5h", b"accuracy", b"png,svg", b"study", b"study/optimized-0", b"sensitivity=0.95")
    return [Reader("words", 25, _raw(*seeds, b"1e-4:1e-1:log:7", b"0:0.6:lin:4"), read_words)]


def look_at(followed: FollowedStudy, run: Path) -> object:
    """All that screens, tables and exports say of a study, without drawing it."""
    state = next(one for one in followed.runs if one.directory == run)
    seen: list[object] = [event_words(event) for event in state.notable]
    seen += [cautions(state.state), changes(followed), coming_lines(followed, state), seconds_left(followed)]
    finder = AlertFinder(followed)
    seen += [finder.find("running"), finder.find(followed.status), _listed(followed.study.directory)]
    for index, started in enumerate(state.state.decisions):
        decision = state.decision(index)
        parts = heatmap_parts(decision) if started.started.axes else []
        seen += [heatmap(decision, part.x, part.y, number=part.number).close_values for part in parts]
    with contextlib.suppress(HptuiError):
        seen += [list(table.rows()) for table in tables(followed)]
    with contextlib.suppress(HptuiError):  # it was not completed, or by an older hptui
        seen += [comparison_lines(compare(followed))]
    with contextlib.suppress(HptuiError):
        seen += [by_class(followed, Question()), roc_curves(followed), confusions(followed)]
    with contextlib.suppress(HptuiError):
        seen += [recipe_of(RunReader(run).read(), run)]
    return seen
