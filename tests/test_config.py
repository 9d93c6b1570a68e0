"""Settings from four places: which one wins, and what is said about a mistake."""

from __future__ import annotations

import typing
from pathlib import Path
from typing import Any

import hypothesis
import msgspec
import pytest
from fabricate import configuration
from hypothesis import given
from hypothesis import strategies as st

from hptui.__main__ import main
from hptui.config import (
    FIELDS,
    Layer,
    Resolved,
    StudyConfig,
    choices,
    description,
    environment_layer,
    file_layer,
    from_plain,
    resolve,
    to_plain,
)
from hptui.errors import ConfigError
from hptui.hyperparameters import default_search, default_values


def layered(*settings: dict[str, Any]) -> Resolved:
    return resolve([Layer(f"place {number}", given) for number, given in enumerate(settings, 1)])


def refusal(**settings: Any) -> str:
    """The one line that is said about these settings; it names where they come from."""
    with pytest.raises(ConfigError) as caught:
        resolve([Layer("study.toml", settings)])
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_without_settings_the_defaults_hold() -> None:
    found = layered()
    assert set(found.origins) == set(FIELDS)
    assert set(found.origins.values()) == {"default"}
    everywhere = {"lr": "0.0001:0.01:log:5", "weight_decay": "1e-06:0.01:log:3"}
    assert found.config.search == everywhere | {"augmentation": "0.0:1.0:lin:3"}  # what adaptive would have too
    assert layered({"strategy": "grid"}).config.search == everywhere
    assert layered({"strategy": "file.py:Own"}).config.search == everywhere
    assert set(default_search()) == set(everywhere)
    assert found.config.start_values == default_values()
    assert msgspec.structs.replace(found.config, search={}) == StudyConfig()


def test_later_places_win_and_every_origin_is_known(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text('epochs = 5\nruns = 3\nseed = 7\nmodel = "lenet"\n', "utf-8")
    environment = environment_layer({"HPTUI_RUNS": "4", "HPTUI_SEED": "8", "HPTUI_UNKNOWN": "1", "EPOCHS": "99"})
    found = resolve([file_layer(file), environment, Layer("flag", {"seed": "9"})])
    assert (found.config.epochs, found.config.runs, found.config.seed) == (5, 4, 9)
    origins = {"epochs": str(file), "model": str(file), "runs": "environment", "seed": "flag", "score": "default"}
    assert origins.items() <= found.origins.items()


def test_set_and_search_are_joined_name_by_name() -> None:
    found = layered(
        {"set": {"lr": 0.1, "wd": 0.2}, "search": {"lr": "0.1:1:log:3", "dropout": "0:0.5:lin:2"}},
        {"set": "lr=0.3 momentum=0.5", "search": ["learning-rate=0.2:1:log:4"]},
    )
    assert found.config.set == {"lr": 0.3, "weight_decay": 0.2, "momentum": 0.5}
    assert found.config.search == {"lr": "0.2:1.0:log:4", "dropout": "0.0:0.5:lin:2"}
    assert found.config.start_values == default_values() | found.config.set
    assert list(found.config.space) == ["lr", "dropout"]


def test_off_takes_a_range_out() -> None:
    found = layered({"search": "lr=0.1:1:log:3 dropout=0:0.5:lin:2"}, {"search": "lr=off"})
    assert list(found.config.search) == ["dropout"]
    off = layered({"strategy": "fixed"}, {"search": "lr=off wd=off"})
    assert off.config.search == {}
    named = layered({"strategy": "fixed", "search": "lr=0.1:1:log:3"}, {"search": "lr=off"})
    assert named.config.search == {}  # the default ranges do not come back


def test_off_alone_takes_a_range_out_of_the_default_ones() -> None:
    assert list(layered({"search": "weight_decay=off"}).config.search) == ["lr", "augmentation"]
    assert list(layered({"search": "wd=off"}, {"search": "wd=0:1:lin:2"}).config.search) == ["weight_decay"]


def test_naming_a_range_replaces_the_default_ranges() -> None:
    assert list(layered({"search": {"dropout": "0:0.5:lin:2"}}).config.search) == ["dropout"]


@pytest.mark.parametrize("given", ["1, 2,5", "1,2,5,", [1, 2, 5], ["1", "2", "5"], (1, 2, 5)])
def test_decision_epochs_as_text_or_list(given: object) -> None:
    config = layered({"decide_at": given}).config
    assert config.decide_at == [1, 2, 5]
    assert config.decision_epochs() == (1, 2, 5)


def test_decision_epochs_at_a_distance() -> None:
    assert layered({"epochs": 7, "decide_every": 3}).config.decision_epochs() == (1, 4, 7)
    assert layered({"epochs": 3}).config.decision_epochs() == (1, 2, 3)


def test_arms_and_seeds() -> None:
    config = layered({"runs": 3, "seed": 5, "baseline": "pbt"}).config
    assert (config.arms, list(config.seeds)) == (("baseline", "optimized"), [5, 6, 7])
    assert [config.strategy_of(arm) for arm in config.arms] == ["pbt", "adaptive"]
    assert layered({"baseline": "none"}).config.arms == ("optimized",)


BAD: list[tuple[str, object, str]] = [
    ("epochs", "ten", "epochs = 'ten': expected a whole number."),
    ("epochs", 0, "epochs = 0: expected a whole number >= 1."),
    ("epochs", 2.5, "epochs = 2.5: expected a whole number."),
    ("epochs", True, "epochs = True: expected a whole number."),
    ("epochs", [1, 2], "epochs = [1, 2]: expected a whole number."),
    ("epochs", 100_001, "epochs = 100001: expected a whole number <= 100000."),
    ("runs", 0, "runs = 0: expected a whole number >= 1."),
    ("seed", -1, "seed = -1: expected a whole number >= 0."),
    ("seed", "99999999999999999999", "expected a whole number <="),
    ("horizon", 0, "horizon = 0: expected a number > 0"),
    ("horizon", "nan", "horizon = 'nan': expected a number > 0"),
    ("horizon", "inf", "horizon = 'inf': expected a number <= 100"),
    ("average_window", "long", "average_window = 'long': expected a number."),
    ("image_size", 3, "image_size = 3: expected a whole number >= 4."),
    ("train_size", 1, "train_size = 1: expected a whole number >= 2."),
    ("threads", "many", "threads = 'many': expected a whole number."),
    ("log_every", None, "log_every = None: expected a whole number."),
    ("out", 3, "out = 3: expected text."),
    ("model", 3, "model = 3: expected text."),
    ("dataset", "mnits", "unknown dataset 'mnits'. Did you mean 'mnist'?"),
    ("dataset", "fashion", "unknown dataset 'fashion'. Did you mean 'fashion_mnist'?"),
    ("model", "lenett", "unknown model 'lenett'. Did you mean 'lenet'?"),
    ("strategy", "gird", "unknown strategy 'gird'. Did you mean 'grid'?"),
    ("strategy", "none", "unknown strategy 'none'."),
    ("baseline", "fixd", "unknown baseline 'fixd'. Did you mean 'fixed'?"),
    (
        "optimizer",
        "adan",
        "unknown optimizer 'adan'. Did you mean 'adam'?",
    ),
    ("score", "los", "unknown score 'los'. Did you mean 'loss'?"),
    ("score", [1], "unknown score [1]."),
    ("score_weights", "best", "unknown score_weights 'best'."),
    ("precision", "float16", "unknown precision 'float16'. Did you mean 'bfloat16'?"),
    ("device", "gpu", "unknown device 'gpu'. It takes auto, cpu, cuda or cuda:INDEX."),
    ("device", "cuda:", "unknown device 'cuda:'."),
    ("device", "cuda:²", "unknown device"),
    ("device", "7", "unknown device '7'."),
    ("decide_at", "1,x", "decide_at = ['1', 'x']: expected a whole number."),
    ("decide_at", [0], "decide_at = [0]: expected a whole number >= 1."),
    ("decide_at", [], "decide_at = []: name at least one epoch."),
    ("decide_at", "", "decide_at = []: name at least one epoch."),
    ("set", "lr=1 lr=2", "set names lr twice."),
    ("set", {"lr": 1, "learning_rate": 2}, "set names lr as lr and as learning_rate."),
    ("search", ["wd=off", "weight-decay=off"], "search names weight_decay as wd and as weight-decay."),
    ("out", "a\0b", "out = 'a\\x00b': no name or path can have a null character."),
    ("out", "~nouser/x", "out = '~nouser/x': there is no such user's home folder."),
    ("data_dir", "~nouser/x", "data_dir = '~nouser/x': there is no such user's home folder."),
    ("batch_size", "many", "set batch_size = 'many': expected a number."),
    ("batch_size", 0, "batch_size = 0 is out of bounds"),
    ("decide_at", 3, "decide_at = 3: expected whole numbers with commas between."),
    ("set", "lr", "set 'lr': write NAME=..., for example weight_decay=5e-4."),
    ("set", {"lr": "fast"}, "set lr = 'fast': expected a number."),
    ("set", {"lr": True}, "set lr = True: expected a number."),
    ("set", {"lr": 0}, "lr = 0 is out of bounds; it takes more than 0."),
    ("set", {"dropuot": 0.5}, "unknown hyperparameter 'dropuot'. Did you mean 'dropout'?"),
    ("set", 3, "set '3': write NAME=..."),
    ("search", "lr", "search 'lr': write NAME=..., for example lr=1e-4:1e-1:log:7."),
    ("search", "=1:2:lin:3", "write NAME=..."),
    ("search", "lr=1e-1:1e-4:log:7", "search lr: low 0.1 has to be less than high 0.0001."),
    ("search", "wd=0:1:log:7", "search weight_decay: a log scale needs low > 0"),
    ("search", "lr=0.1:1:log:1", "steps = 1 makes a grid of no cells"),
    ("search", {"lr": [1]}, "search lr=[1]: write low:high:scale:steps"),
    ("search", {"lr": {"low": 1, "hihg": 2}}, "search lr has the keys ['hihg', 'low']"),
    ("search", "learningrate=0.1:1:log:3", "unknown hyperparameter 'learningrate'. Did you mean 'learning_rate'?"),
    ("search", "momentun=0.1:1:log:3", "unknown hyperparameter 'momentun'. Did you mean 'momentum'?"),
]


@pytest.mark.parametrize(("key", "value", "expected"), BAD)
def test_a_bad_value_is_one_line_with_its_origin_key_and_value(key: str, value: object, expected: str) -> None:
    message = refusal(**{key: value})
    assert message.startswith("study.toml: ")
    assert expected in message


@pytest.mark.parametrize(
    ("key", "near"), [("epoch", "epochs"), ("optimiser", "optimizer"), ("score-weight", "score_weights")]
)
def test_an_unknown_key_is_answered_with_the_nearest(key: str, near: str) -> None:
    assert refusal(**{key: 1}) == f"study.toml: unknown key {key!r}. Did you mean {near!r}?"


def test_a_key_far_from_all_others_gets_the_whole_list() -> None:
    message = refusal(zzz=1)
    assert all(field in message for field in FIELDS)


def test_keys_may_be_written_with_hyphens() -> None:
    assert layered({"log-every": 3, "decide-at": "2"}).config.decision_epochs() == (2,)


def test_an_epoch_to_decide_at_beyond_the_end() -> None:
    assert refusal(epochs=4, decide_at="2,9") == "decide_at names epoch 9, but a run has 4 epochs."


@pytest.mark.parametrize(
    ("settings", "why"),
    [({"stop": "never"}, "stop is never"), ({"deliver": "last"}, "deliver is last, so that no losses are compared")],
)
def test_a_run_that_could_never_go_on(settings: dict[str, Any], why: str) -> None:
    assert refusal(longest=1.5, **settings) == f"longest = 1.5, but {why}; change one of them."


@pytest.mark.parametrize("settings", [{"strategy": "grid"}, {"strategy": "fixed", "baseline": "grid"}])
def test_a_grid_needs_a_range(settings: dict[str, str]) -> None:
    expected = "strategy 'grid' has nothing to search; name at least one range with --search."
    assert refusal(search="lr=off wd=off", **settings) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"decide_at": [1], "decide_every": 2}, "decide_at and decide_every exclude each other; give one of them."),
        ({"decide_at": "1", "decide-every": "1"}, "decide_at and decide_every exclude each other; give one of them."),
        ({"log_every": 1, "log-every": 2}, "log_every is given twice."),
        ({"batch_size": 1, "set": {"batch_size": 2}}, "batch_size is given twice."),
    ],
)
def test_one_place_says_a_thing_once(settings: dict[str, Any], expected: str) -> None:
    assert refusal(**settings) == f"study.toml: {expected}"


def test_a_later_place_decides_anew_when_to_decide() -> None:
    assert layered({"decide_at": [2]}, {"decide_every": 5}).config.decision_epochs() == (1, 6)
    assert layered({"decide_every": 5}, {"decide_at": [2]}).config.decision_epochs() == (2,)


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "windows.toml").write_bytes(b"\xef\xbb\xbfepochs = 3\r\n")
    assert resolve([file_layer(tmp_path / "windows.toml")]).config.epochs == 3


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:12"])
def test_device_names(device: str) -> None:
    assert layered({"device": device}).config.device == device


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"epochs = \n", "is not valid TOML"), (b"\xff\xfe", "is not valid TOML"), (b"a = 1\na = 2", "is not valid TOML")],
)
def test_a_file_that_is_not_toml(tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "broken.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=expected) as caught:
        file_layer(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*none\.toml: No such file"):
        file_layer(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="Is a directory"):
        file_layer(tmp_path)


def test_the_environment_speaks_for_every_field() -> None:
    spoken = environment_layer({f"HPTUI_{field.upper()}": "x" for field in FIELDS})
    assert set(spoken.settings) == set(FIELDS)


def test_the_environment_takes_the_same_text_as_flags() -> None:
    layer = environment_layer({"HPTUI_SEARCH": "lr=1e-4:1:log:7 dropout=0:0.6:lin:4", "HPTUI_SET": "wd=5e-4"})
    config = resolve([layer]).config
    assert config.search == {"lr": "0.0001:1.0:log:7", "dropout": "0.0:0.6:lin:4"}
    assert config.set == {"weight_decay": 5e-4}


optional_size = st.none() | st.integers(4, 2048)
settings = st.fixed_dictionaries(
    {},
    optional={
        "dataset": st.sampled_from(["mnist", "digits", "medmnist:x.npz", "folder:images", "own.py:data"]),
        "data_dir": st.none() | st.just("/some/where"),
        "out": st.none() | st.just("/some/where/else"),
        "image_size": optional_size,
        "train_size": optional_size,
        "threads": st.none() | st.integers(1, 1024),
        "epochs": st.integers(5, 100),
        "optimizer": st.sampled_from(["sgd", "adam", "adamw"]),
        "baseline": st.sampled_from(["none", "fixed", "adaptive"]),
        "strategy": st.sampled_from(["fixed", "pbt", "own.py:Mine"]),
        "schedule": st.none() | st.sampled_from(["cosine", "own.py:mine"]),
        "loss": st.sampled_from(["cross_entropy", "own.py:Focal"]),
        "set": st.dictionaries(st.sampled_from(["lr", "weight_decay", "dropout"]), st.floats(1e-9, 0.9)),
        "search": st.dictionaries(
            st.sampled_from(["lr", "weight_decay", "dropout"]),
            st.sampled_from(["0.1:0.9:lin:3", "1e-5:0.1:log:4"]),
            min_size=1,
        ),
        "decide_at": st.none() | st.lists(st.integers(1, 5), min_size=1),
        "horizon": st.floats(1e-6, 100),
    },
)


@given(settings)
@hypothesis.settings(max_examples=40, deadline=None)
def test_a_study_holds_all_settings_but_the_places_of_one_machine(given: dict[str, Any]) -> None:
    config = layered(given).config
    plain = to_plain(config)
    assert not {"out", "data_dir"} & set(plain)
    assert "/some/where" not in str(plain)
    assert None not in plain.values()
    assert from_plain(plain, "study.toml") == msgspec.structs.replace(config, out=None, data_dir=None)


def test_from_plain_names_its_origin() -> None:
    with pytest.raises(ConfigError, match=r"^run\.json: unknown key 'epoch'"):
        from_plain({"epoch": 1}, "run.json")


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        configuration().epochs = 3  # type: ignore[misc]


def test_every_field_is_a_flag_with_help(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["run", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for field in FIELDS:
        assert f"--{field.replace('_', '-')} " in shown
        assert len(description(field)) > 10, field
        assert " ".join(description(field).split()[:3]) in shown
        if choices(field):
            assert "|".join(choices(field)) in shown


def test_choices_are_known_for_fields_of_a_few_words() -> None:
    assert choices("precision") == ("float32", "bfloat16")
    assert choices("optimizer") == ()
    assert choices("epochs") == ()
    for field in FIELDS:
        assert all(word in typing.get_args(FIELDS[field]) for word in choices(field))


@pytest.mark.parametrize("given", ["0", "x", "-1", "1.5", "", True, 0, "9" * 19])
def test_how_many_runs_are_trained_side_by_side_is_a_number_or_auto(given: object) -> None:
    with pytest.raises(ConfigError, match=r"parallel = .*: write how many runs are trained side by side, .*or auto\.$"):
        resolve([Layer("flag", {"parallel": given})])


@pytest.mark.parametrize(("given", "engine"), [("1", "thread"), (3, "processes"), ("auto", "processes")])
def test_the_engine_follows_from_how_many_are_asked_for(given: object, engine: str) -> None:
    config = resolve([Layer("file", {"parallel": given})]).config
    assert (config.parallel, config.engine_name) == (str(given), engine)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"parallel": "5", "runs": 2}, "parallel = 5, but the study has 4 runs; write 4 or less, or auto."),
        ({"parallel": "1000000", "runs": 2}, "parallel = 1000000, but the study has 4 runs; write 4 or less, or auto."),
        ({"parallel": "2", "engine": "thread"}, "engine 'thread' trains one run at a time, and parallel asks for"),
        (
            {"engine": "processes", "engine_args": "gpus=1"},
            "engine 'processes' takes no arguments, and engine_args has",
        ),
        (
            {"engine": "slurm", "engine_args": "gpus"},
            "engine_args 'gpus': write NAME=VALUE, for example partition=gpu.",
        ),
        ({"engine": "proceses"}, "unknown engine 'proceses'. Did you mean 'processes'?"),
    ],
)
def test_more_at_a_time_than_there_is(settings: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve([Layer("flag", settings)])
    assert problem in str(caught.value)


def test_what_holds_on_this_machine_alone_is_no_part_of_a_study() -> None:
    config = resolve([Layer("flag", {"parallel": "2", "engine": "slurm", "engine_args": "gpus=1"})]).config
    assert not {"parallel", "engine", "engine_args"} & set(to_plain(config))
