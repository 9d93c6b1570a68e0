"""The log's format: one JSON line per fact."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from typing import Any

import msgspec
import pytest
from every_event import every_event
from fabricate import batches_trained, run_completed
from hypothesis import given, settings
from hypothesis import strategies as st

from hptui.plan import Round, Stage
from hptui.record.class_counts import ClassCounts
from hptui.record.events import AnyEvent, Axis, DecisionRepeated, Evaluated, Event, RunStarted, decode, encode

FORMAT = {
    "RunStarted": "schema hptui arm seed strategy epochs images_per_epoch validation_images test_images class_names "
    "task dataset model parameters optimizer device searched values versions threads loss schedule "
    "remainder schedule_waits",
    "RunResumed": "epoch epochs step images_trained images_probed seconds decisions by_hand device threads candidates "
    "batch end_moved remainder failed",
    "DecisionsPlanned": "epoch stages left_out otherwise cost remedy",
    "DecisionStarted": "decision epoch step axes values loss accuracy score_name score_weights planned planned_most",
    "CandidateScored": "decision candidate values score loss accuracy raw_loss raw_accuracy diverged classes images "
    "seconds start steps along failed loss_error score_error",
    "LandscapePredicted": "decision scores",
    "DecisionRepeated": "decision times values changed images seconds",
    "HyperparametersChosen": "decision epoch step candidate values reason images_probed seconds start left_out "
    "excluded paired_errors stacked not_stacked score_errors follows_schedule",
    "BatchesTrained": "epoch step batch batches images loss values seconds",
    "Evaluated": "epoch step split weights images loss accuracy confusion seconds by_label",
    "EpochCompleted": "epoch step train_loss values delivered images_trained images_probed seconds calibrated_loss "
    "deliverable end_moved",
    "EndMoved": "epoch epochs asked deliverable",
    "CheckpointSaved": "epoch step file",
    "RunPaused": "by",
    "RunContinued": "by",
    "RangesChanged": "by epoch old new",
    "ValuesRequested": "by epoch values",
    "EpochsAdded": "by epochs",
    "CommandRefused": "by reason",
    "LogMended": "restored removed",
    "RunStopped": "reason epoch step",
    "RunFailed": "error",
    "RunCompleted": "epoch step delivered validation_loss validation_accuracy test_loss test_accuracy images_trained "
    "images_probed cost seconds best_epoch delivered_epoch end_moved",
}
"""a change of this table is a change of the format: old logs have to stay readable, or SCHEMA is raised"""
ABSENT_FROM_OLD_LOGS = {
    "RunStarted": {
        "threads": 0,
        "loss": "cross_entropy",
        "schedule": "",
        "task": "single-label",
        "remainder": "joined",
        "schedule_waits": False,
    },
    "Evaluated": {"by_label": None},
    "DecisionsPlanned": {"left_out": [], "otherwise": "", "cost": None, "remedy": ""},
    "DecisionStarted": {"planned": None, "planned_most": None},
    "RunResumed": {
        "device": "",
        "threads": 0,
        "candidates": None,
        "batch": None,
        "end_moved": 0,
        "remainder": None,
        "failed": "",
    },
    "CandidateScored": {
        "start": None,
        "steps": 0,
        "along": None,
        "failed": "",
        "loss_error": None,
        "score_error": None,
    },
    "HyperparametersChosen": {
        "start": None,
        "left_out": [],
        "excluded": [],
        "paired_errors": [],
        "score_errors": [],
        "follows_schedule": True,
        "stacked": 0,
        "not_stacked": "",
    },
    "EpochCompleted": {"calibrated_loss": None, "deliverable": 0, "end_moved": 0},
    "RunCompleted": {"best_epoch": 0, "delivered_epoch": 0, "end_moved": 0},
}
"""fields that came later, and what stands for them in a log that was written before"""
KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in typing.get_args(AnyEvent)}


def numbers(kind: type[Any], bounds: Any) -> st.SearchStrategy[Any]:
    """Every number that a field with these bounds can hold."""
    low, high = bounds.ge, bounds.le
    if kind is int:
        return st.integers(-(2**63) if low is None else low, 2**63 - 1 if high is None else high)
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


def any_of(hint: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911 (one for each form of a type)
    """Every value that a field of this type can hold and JSON can carry."""
    simple: dict[Any, st.SearchStrategy[Any]] = {
        int: numbers(int, msgspec.Meta()),
        float: numbers(float, msgspec.Meta()),
        str: st.text(),
        bool: st.booleans(),
        types.NoneType: st.none(),
    }
    if hint in simple:
        return simple[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        kind, bounds = arguments
        return numbers(kind, bounds) if kind in (int, float) else st.lists(any_of(float), min_size=1, max_size=3)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is list:
        return st.lists(any_of(arguments[0]), max_size=3)
    if origin is tuple:
        several = st.lists(any_of(arguments[0]), max_size=3).map(tuple)
        return several if arguments[-1] is ... else st.tuples(*map(any_of, arguments))
    if origin is dict:
        return st.dictionaries(any_of(arguments[0]), any_of(arguments[1]), max_size=3)
    if origin in (types.UnionType, typing.Union):
        return st.one_of(*map(any_of, arguments))
    return any_struct(hint)


def any_struct(kind: type[Any]) -> st.SearchStrategy[Any]:
    fields = {name: any_of(hint) for name, hint in typing.get_type_hints(kind, include_extras=True).items()}
    count = st.integers(0, 1000)
    if kind is Evaluated:
        fields["confusion"] = st.sampled_from([[], [[3]], [[1, 2], [3, 4]], [[0, 10**6, 1]] * 3])
        fields["by_label"] = st.none()
    if kind is ClassCounts:
        triples = st.lists(st.tuples(count, count, count), max_size=3)
        names = ("support", "predicted", "hits")
        return triples.map(lambda rows: kind(**{name: [row[i] for row in rows] for i, name in enumerate(names)}))
    if kind is DecisionRepeated:
        fields["changed"] = st.just([])
    return st.builds(kind, **fields)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_every_event_survives_the_log(kind: type[Any], data: st.DataObject) -> None:
    event = data.draw(any_struct(kind))
    line = encode(event)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == event
    assert type(decode(line)) is kind
    assert line.startswith(b'{"event":"%s",' % kind.__name__.encode())


def test_the_format_is_pinned() -> None:
    assert set(KINDS) == set(FORMAT)
    for name, kind in KINDS.items():
        assert sorted(kind.__struct_encode_fields__) == sorted(["time", *FORMAT[name].split()]), name
        assert issubclass(kind, Event)
        assert kind.__struct_config__.tag_field == "event"
    assert Axis.__struct_encode_fields__ == ("name", "low", "high", "scale", "values")
    assert [field.name for field in dataclasses.fields(Round)] == ["candidates", "epochs"]
    assert [field.name for field in dataclasses.fields(Stage)] == [
        "epochs",
        "names",
        "rounds",
        "title",
        "at_most",
        "gained",
    ]
    assert ClassCounts.__struct_encode_fields__ == ("support", "predicted", "hits", "images")


def test_a_run_with_events_of_every_kind_has_them() -> None:
    assert {type(event) for event in every_event()} == set(KINDS.values())


def test_counts_of_labels_survive_the_log_and_old_counts_have_the_same_bytes() -> None:
    counts = ClassCounts([3, 0], [2, 1], [2, 0], 5)
    tested = Evaluated(
        epoch=1, step=2, split="test", weights="last", images=5, loss=0.5, accuracy=0.6, confusion=[], seconds=0.0,
        by_label=counts,
    )  # fmt: skip
    assert decode(encode(tested)) == tested
    assert tested.classes == counts
    assert msgspec.json.encode(ClassCounts([3], [2], [1])) == b'{"support":[3],"predicted":[2],"hits":[1]}'


@pytest.mark.parametrize(
    "wrong", [{"confusion": [[1]]}, {"by_label": ClassCounts([3], [2], [2])}, {"by_label": {"images": 2}}]
)
def test_labels_that_cannot_be_counts_are_no_event(wrong: dict) -> None:
    counts = ClassCounts([3, 0], [2, 1], [2, 0], 5)
    tested = Evaluated(
        epoch=1, step=2, split="test", weights="last", images=5, loss=0.5, accuracy=0.6, confusion=[], seconds=0.0,
        by_label=counts,
    )  # fmt: skip
    plain = msgspec.to_builtins(tested)
    if isinstance(wrong.get("by_label"), dict):
        wrong = {"by_label": plain["by_label"] | wrong["by_label"]}
    with pytest.raises(msgspec.DecodeError):
        decode(msgspec.json.encode(plain | wrong))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_is_written_as_null(number: float) -> None:
    line = encode(batches_trained(loss=number))
    assert b'"loss":null' in line
    assert decode(line).loss is None  # type: ignore[union-attr]


def test_a_log_of_a_newer_version_with_one_more_field_is_still_read() -> None:
    event = run_completed()
    line = msgspec.json.encode(msgspec.json.decode(encode(event)) | {"wattage": 300})
    assert decode(line) == event


@pytest.mark.parametrize(
    "line",
    [
        b'{"event":"RunDanced","time":0.0}',
        b'{"time":0.0,"error":"x"}',
        b'{"event":"RunFailed","time":0.0}',
        b'{"event":"RunFailed","error":3}',
        b'{"event":"RunFailed","error":"x","time":"noon"}',
        b'{"event":"RunFailed","error":"x"',
        b"[]",
        b"",
        b"\x00\x00",
    ],
)
def test_what_is_not_an_event_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(line)


def test_every_missing_or_mistyped_field_is_noticed() -> None:
    plain = msgspec.to_builtins(run_completed())
    for field in FORMAT["RunCompleted"].split():
        if field in ABSENT_FROM_OLD_LOGS["RunCompleted"]:
            continue
        with pytest.raises(msgspec.ValidationError, match=field):
            decode(msgspec.json.encode({key: value for key, value in plain.items() if key != field}))
        with pytest.raises(msgspec.ValidationError, match=field):
            decode(msgspec.json.encode(plain | {field: {}}))


def _default(field: Any) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def test_what_came_later_is_absent_from_old_logs_and_nothing_else_is() -> None:
    found = {
        name: {field.name: _default(field) for field in msgspec.structs.fields(kind) if not field.required}
        for name, kind in KINDS.items()
    }
    assert {name: of for name, of in found.items() if of.pop("time") == 0.0 and of} == ABSENT_FROM_OLD_LOGS


def test_events_cannot_be_changed() -> None:
    event = run_completed()
    with pytest.raises(AttributeError):
        event.epoch = 3  # type: ignore[misc]
    assert RunStarted.__struct_config__.frozen
