"""Everything that reads what somebody else may have written, each with inputs that it takes."""

from __future__ import annotations

import contextlib
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
from changed_inputs import changed_archive, changed_log, raw, resealed, sealed
from every_event import written_run
from fabricate import make_study, values
from looking import listed, look_at
from mutations import Mutator

from hptui.config import FIELDS, Layer, environment_layer, file_layer, parse_interval, resolve
from hptui.config.checking import file_problems
from hptui.errors import HptuiError, nearest, nearest_first
from hptui.export.formats import parse_formats
from hptui.metrics.classification import METRICS, check_metric, metric
from hptui.metrics.thresholds import choose_threshold
from hptui.plan import Plan, Round, Stage, plan_lines
from hptui.reading.glance import glance
from hptui.reading.studies import follow
from hptui.record.command_inbox import CommandInbox
from hptui.record.commands import COMMANDS, AddEpochs, ChangeRanges, StopRun, UseValues
from hptui.record.housekeeping import checked_name, require_own
from hptui.record.machine_paths import recall_paths, remember_paths
from hptui.record.notes import NOTE_FILE, read_note
from hptui.record.predictions import PREDICTIONS_FILE, Predictions, read_predictions
from hptui.record.presence import HEARTBEAT, Heartbeat, is_written
from hptui.record.run_directory import EVENTS_FILE, RUN_FILE, read_run_file
from hptui.record.seals import CHECKSUM, Origin, check_archive, seal_archive, seal_struct, seal_text
from hptui.record.steering import STEERING_FILE, Steering
from hptui.record.study_directory import open_study
from hptui.record.study_folders import STUDY_FILE
from hptui.record.study_names import find_run, find_study
from hptui.record.wrong_images import WRONG_IMAGES_FILE, WrongPixels, read_wrong_images, write_wrong_images
from hptui.space import parse_range
from hptui.ui.appearance import SETTINGS, load_settings

ID = "0123456789abcdef" * 2
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
    run = written_run(study)
    return [*_of_settings(folder), *_of_a_study(study), *_of_a_run(study, run), *_of_words(study)]


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
        Reader("config.toml", 12, raw(whole, b"\xef\xbb\xbf" + whole), read_config),
        Reader("a setting", 20, change_setting, read_setting),
        Reader("screen.json", 4, raw(screen), read_screen),
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
        return [opened.config.space, opened.config.decision_epochs(), opened.runs(), lines, listed(study)]

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
        return recall_paths(ID)

    remember_paths(ID, {"data_dir": "/data"})
    places = next(study.parents[2].rglob(f"{ID}.json"))
    beat = msgspec.json.encode(Heartbeat(pid=1, host="host", time=1e9))
    return [
        Reader(
            STUDY_FILE,
            12,
            sealed(content, plain_study, lambda plain: seal_text(tomli_w.dumps(plain)).encode()),
            read_study,
        ),
        Reader(STEERING_FILE, 8, sealed(steering, json.loads, resealed), read_steering),
        Reader(NOTE_FILE, 2, raw("Größe, 3 Läufe\n".encode()), read_the_note),
        Reader(HEARTBEAT, 4, raw(beat), read_heartbeat),
        Reader("places", 2, raw(places.read_bytes()), read_places),
    ]


def _of_a_run(study: Path, run: Path) -> list[Reader]:
    sound_study = (study / STUDY_FILE).read_bytes()
    sound = {name: (run / name).read_bytes() for name in (RUN_FILE, EVENTS_FILE, PREDICTIONS_FILE)}
    write_wrong_images(run, WrongPixels(np.array([2, 0]), np.zeros((2, 1, 4, 4), np.uint8)))
    images = (run / WRONG_IMAGES_FILE).read_bytes()

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

    def read_images(content: bytes) -> object:
        put_back()
        (run / WRONG_IMAGES_FILE).write_bytes(content)
        found = read_wrong_images(run)
        return None if found is None else found.of(2)

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
        Reader(EVENTS_FILE, 6, changed_log(sound[EVENTS_FILE]), read_log),
        Reader(RUN_FILE, 5, sealed(sound[RUN_FILE], json.loads, resealed), read_run),
        Reader(PREDICTIONS_FILE, 3, changed_archive(sound[PREDICTIONS_FILE]), read_answers),
        Reader(WRONG_IMAGES_FILE, 2, changed_archive(images), read_images),
        Reader("model.pt", 5, changed_archive(archive.getvalue()), read_archive),
        Reader("commands", 8, raw(lines), read_commands),
    ]


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
    return [Reader("words", 25, raw(*seeds, b"1e-4:1e-1:log:7", b"0:0.6:lin:4"), read_words)]
