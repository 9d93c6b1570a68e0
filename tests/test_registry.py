"""Plug-ins are found by name, the user's own by path; every strategy keeps its contract."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from random import Random

import numpy as np
import pytest
from deciding import run_decision
from fabricate import configuration, python, values

from hptui import registry
from hptui.config import Layer, resolve
from hptui.errors import ConfigError
from hptui.hyperparameters import Values, default_search, default_values, hyperparameters
from hptui.plan import Length, Plan, Stage, plan_lines, planned_cost
from hptui.space import SearchSpace, grid, parse_range
from hptui.strategies import Candidate, Choice, Measurement, Outlook, Situation, Strategy

STRATEGIES = registry.names("strategies")


def refusal(action: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(ConfigError) as caught:
        action(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_names_are_listed_without_importing_a_plug_in() -> None:
    code = (
        "import sys\nfrom hptui import registry\n"
        "found = {folder: registry.names(folder) for folder in registry.FOLDERS}\n"
        "print(found)\nprint([name for name in sys.modules if name.count('.') > 1 and name.startswith('hptui.')])\n"
        "print({'torch', 'sklearn', 'numpy'} & set(sys.modules))"
    )
    found, imported, heavy = python(code).stdout.splitlines()
    assert "'digits', 'fashion_mnist', 'folder', 'medmnist', 'mnist'" in found
    assert "'dtu_cnn', 'lenet', 'small_resnet'" in found
    assert "'adaptive', 'fixed', 'grid', 'pbt'" in found
    assert "'radam', 'rmsprop', 'schedule_free', 'sgd'" in found
    assert "'constant', 'cosine', 'late_decay'" in found
    assert (imported, heavy) == ("[]", "set()")
    assert "_" not in {name[0] for folder in registry.FOLDERS for name in registry.names(folder)}


def test_a_folder_that_does_not_exist() -> None:
    with pytest.raises((LookupError, ModuleNotFoundError)):
        registry.names("screens")


def test_one_plug_in_is_loaded_by_name() -> None:
    factory = registry.load("strategies", "grid")
    assert factory.__name__ == "Grid"
    assert factory is registry.load("strategies", "grid")


@pytest.mark.parametrize(
    ("folder", "name", "expected"),
    [
        ("datasets", "digts", "unknown dataset 'digts'. Did you mean 'digits'?"),
        ("models", "small_resnt", "unknown model 'small_resnt'. Did you mean 'small_resnet'?"),
        ("strategies", "grids", "unknown strategy 'grids'. Did you mean 'grid'?"),
        (
            "strategies",
            "xyz",
            "unknown strategy 'xyz'. Known: adaptive, fixed, grid, pbt",
        ),
        ("strategies", "cosine", "unknown strategy 'cosine'. It is a schedule."),
        ("strategies", "prodigy", "unknown strategy 'prodigy'. It is an optimizer."),
        (
            "models",
            "nets.py",
            "unknown model 'nets.py'. Write nets.py:NAME, with the name of what is meant in that file.",
        ),
        ("losses", "own.py:a.b", "unknown loss 'own.py:a.b'. What follows the colon has to be one name of that file,"),
        ("strategies", "_hidden", "unknown strategy '_hidden'."),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(folder: str, name: str, expected: str) -> None:
    assert refusal(registry.load, folder, name).startswith(expected)
    assert refusal(registry.check_name, folder, name, "thing").startswith(f"unknown thing {name!r}.")


@pytest.mark.parametrize("name", ["a.py:Net", "/some/where/a.py:Net", "package.module:Net", "C:/x/a.py:Net"])
def test_own_objects_are_told_by_their_form(name: str) -> None:
    assert registry.is_own(name)
    registry.check_name("models", name)


@pytest.mark.parametrize("name", ["grid", "a.py", ":Net", "a.py:", "a.py:not a name", "medmnist:x.npz", ""])
def test_other_words_are_not_own_objects(name: str) -> None:
    assert not registry.is_own(name)
    assert registry.own_file(name) is None
    assert registry.without_folder(name) == name


def test_the_file_of_an_own_object() -> None:
    assert registry.own_file("x/a.py:Net") == Path("x/a.py")
    assert registry.own_file("package.module:Net") is None
    assert registry.without_folder("/home/me/a.py:Net") == "a.py:Net"
    assert registry.without_folder("package.module:Net") == "package.module:Net"


OWN = """
from __future__ import annotations
from dataclasses import dataclass, field

@dataclass
class Net:
    size: int = {size}
    names: list[str] = field(default_factory=list)
"""


def test_an_own_file_may_hold_dataclasses_and_two_may_share_a_name(tmp_path: Path) -> None:
    for size in (1, 2):
        (tmp_path / str(size)).mkdir()
        (tmp_path / str(size) / "model.py").write_text(OWN.format(size=size), "utf-8")
    one, two = (registry.load("models", f"{tmp_path}/{size}/model.py:Net") for size in (1, 2))
    assert (one().size, two().size) == (1, 2)
    assert one is not two
    assert dataclasses.is_dataclass(one)
    assert sys.modules[one.__module__] is not sys.modules[two.__module__]
    assert copy.deepcopy(one()) == one()


def test_an_own_file_imports_its_neighbours_and_leaves_the_path_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "hptui_test_layers.py").write_text("WIDTH = 5\n", "utf-8")
    (tmp_path / "model.py").write_text("from hptui_test_layers import WIDTH\ndef build(): return WIDTH\n", "utf-8")
    before = list(sys.path)
    assert registry.load("models", f"{tmp_path}/model.py:build")() == 5
    assert sys.path == before


def test_a_module_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hptui_test_module.py").write_text("class Net: ...\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    assert registry.load("models", "hptui_test_module:Net").__name__ == "Net"
    assert registry.load("models", "collections:Counter").__name__ == "Counter"


def test_a_name_that_the_own_file_does_not_have(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("class LeNet: ...\nclass Other: ...\n_private = 1\n", "utf-8")
    message = refusal(registry.load, "models", f"{tmp_path}/model.py:Lenet")
    assert message == f"{tmp_path}/model.py has no 'Lenet'. Did you mean 'LeNet'? Known: LeNet, Other."


def test_an_own_file_that_is_not_there(tmp_path: Path) -> None:
    message = refusal(registry.load, "models", f"{tmp_path}/none.py:Net")
    assert f"there is no file {tmp_path}/none.py. Write path/file.py:Name." in message


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("class Net(", "SyntaxError: '(' was never closed"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_an_own_file_that_cannot_be_imported_is_one_line(tmp_path: Path, code: str, expected: str) -> None:
    (tmp_path / "model.py").write_text(code + "\n", "utf-8")
    before = set(sys.modules)
    name = f"{tmp_path}/model.py:Net"
    assert refusal(registry.load, "models", name).startswith(f"{name!r} cannot be imported: {expected}")
    # no half-imported module stays behind; Python itself may look up how it was built, once in a process
    assert {
        module for module in set(sys.modules) - before if not module.startswith(("sysconfig", "_sysconfigdata"))
    } == set()


def test_an_unknown_module() -> None:
    expected = "'no_such_module:Net' cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"
    assert refusal(registry.load, "models", "no_such_module:Net") == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("TAKES_PATH = True", True),
        ("TAKES_PATH: bool = True", True),
        ("TAKES_PATH: Final = ('', 'raw')", ("", "raw")),
        ("import no_such_package\nOTHER = TAKES_PATH = 3", 3),
        ("TAKES_PATH: bool", None),
        ("OTHER: bool = True\nif OTHER:\n    TAKES_PATH = True", None),
        ("TAKES_PATH = bool(1)", None),
        ("TAKES_PATH = (", None),
    ],
)
def test_a_constant_at_the_top_of_a_file_is_read_without_an_import(
    code: str, expected: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shelf.py").write_text(code, "utf-8")
    monkeypatch.setattr(registry, "_file", lambda folder, name: tmp_path / name)
    registry.constant.cache_clear()
    assert registry.constant("datasets", "shelf.py", "TAKES_PATH") == expected
    registry.constant.cache_clear()


@pytest.fixture
def entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that brings two strategies, of which one cannot be imported."""
    points = [
        EntryPoint("bandit", "collections:Counter", "hptui.strategies"),
        EntryPoint("broken", "no_such_package:Strategy", "hptui.strategies"),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda folder: points if folder == "strategies" else [])


@pytest.mark.usefixtures("entry_points")
def test_installed_packages_join_through_entry_points() -> None:
    assert registry.names("strategies") == sorted([*STRATEGIES, "bandit", "broken"])
    assert "bandit" not in registry.names("models")
    registry.check_name("strategies", "bandit")
    assert registry.load("strategies", "bandit").__name__ == "Counter"
    assert registry.load("strategies", "grid").__name__ == "Grid"
    assert "Did you mean 'bandit'?" in refusal(registry.load, "strategies", "bandits")


@pytest.mark.usefixtures("entry_points")
def test_an_installed_package_that_cannot_be_imported_is_one_line() -> None:
    message = refusal(registry.load, "strategies", "broken")
    assert message.startswith("'broken' cannot be imported: ModuleNotFoundError: No module named 'no_such_package'")
    assert refusal(resolve, [Layer("flag", {"strategy": "broken"})]) == message  # before there is a screen


def test_what_is_searched_by_default_is_found_without_importing_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert default_search() == {entry.name: entry.suggested for entry in hyperparameters().values() if entry.searched}
    assert registry.mentioning("hyperparameters", "searched") == ["lr", "weight_decay"]
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__init__.py").touch()
    (tmp_path / "file.py").touch()
    monkeypatch.setattr(registry, "_places", lambda _: (str(tmp_path),))
    monkeypatch.setattr(registry, "entry_points", lambda _: [EntryPoint("package", "package:NAME", "hptui.models")])
    assert registry.mentioning("models", "searched") == ["folder", "package"]  # it cannot be said of them


# The contract of every strategy, whichever there are.

EPOCHS = 4
HORIZON = 0.25
RANGES = {"lr": "1e-4:1e-1:log:4", "dropout": "0:0.6:lin:3"}
SPACE: SearchSpace = {name: parse_range(name, text) for name, text in RANGES.items()}
IMAGES = 50


def score_by_rate(found: Values, _: Random) -> float:
    return abs(math.log10(found["lr"]) + 2)


def score_at_random(_: Values, random: Random) -> float:
    return math.inf if random.random() < 0.2 else random.random()


def score_diverged(_: Values, __: Random) -> float:
    return math.inf


SCORES = {"by rate": score_by_rate, "at random": score_at_random, "all diverged": score_diverged}


def measured(candidate: Candidate, situation: Situation, score: float) -> Measurement:
    losses = np.full(IMAGES, score, np.float32)
    return Measurement(
        candidate=candidate,
        values=situation.values | candidate.values,
        score=score,
        loss=score,
        accuracy=0.5,
        raw_loss=score,
        raw_accuracy=0.5,
        diverged=not math.isfinite(score),
        losses=losses,
        end={"weights": [score]} if candidate.keep else None,
    )


def situation_at(epoch: int, in_force: Values) -> Situation:
    return Situation(
        epoch=epoch,
        epochs=EPOCHS,
        images_per_epoch=1000,
        images_trained=1000 * (epoch - 1),
        images_probed=0,
        values=dict(in_force),
        space=SPACE,
        loss=2.0,
        losses=np.full(IMAGES, 2.0, np.float32),
        horizon=HORIZON,
    )


def assert_within_ranges(found: Values) -> None:
    for name, value in found.items():
        assert name in SPACE or name in default_values(), name
        if name in SPACE:
            assert SPACE[name].low <= value <= SPACE[name].high, (name, value)


def decide(strategy: Strategy, situation: Situation, score: Callable[[Values, Random], float]) -> tuple[list, Choice]:
    """One decision: all candidates that were probed, and the choice."""
    probed: list[Measurement] = []
    random = Random(situation.epoch)

    def measure(candidate: Candidate) -> Measurement:
        probed.append(measured(candidate, situation, score(situation.values | candidate.values, random)))
        return probed[-1]

    _, choice = run_decision(strategy, situation, measure)
    return probed, choice


def new(name: str) -> Strategy:
    strategy = registry.load("strategies", name)(EPOCHS, (1, 2, 4))
    assert isinstance(strategy, Strategy)
    return strategy


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_is_one_file_with_one_subclass(name: str) -> None:
    module = importlib.import_module(f"hptui.strategies.{name}")
    (factory,) = module.__all__
    assert issubclass(getattr(module, factory), Strategy)
    assert registry.load("strategies", name) is getattr(module, factory)
    assert module.__doc__
    assert getattr(module, factory).__doc__


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_needs_no_torch(name: str) -> None:
    code = f"import sys, hptui.strategies.{name}\nprint('torch' in sys.modules)"
    assert python(code).stdout == "False\n"


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("name", STRATEGIES)
def test_every_decision_ends_with_a_choice_within_the_ranges(name: str, score: str) -> None:
    strategy = new(name)
    in_force = values(lr=0.01) | {"dropout": 0.3}
    for epoch in range(1, EPOCHS + 1):
        if not strategy.decides(epoch, None):
            continue
        probed, choice = decide(strategy, situation_at(epoch, in_force), SCORES[score])
        for found in probed:
            assert_within_ranges(found.candidate.values)
            assert found.candidate.horizon is None or found.candidate.horizon > 0
        assert_within_ranges(choice.values)
        assert choice.reason
        assert "\n" not in choice.reason
        if choice.candidate is not None:
            winner = probed[choice.candidate]
            assert not winner.diverged
            assert winner.values | choice.values == winner.values
        in_force |= choice.values
        json.dumps(strategy.memory)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_diverged_candidate_is_never_taken(name: str) -> None:
    strategy = new(name)
    if strategy.decides(1, None):
        _, choice = decide(strategy, situation_at(1, values()), score_diverged)
        assert choice.candidate is None


@pytest.mark.parametrize("name", STRATEGIES)
def test_memory_is_all_that_a_resumed_strategy_needs(name: str) -> None:
    strategy = new(name)
    if not strategy.decides(1, None):
        return
    decide(strategy, situation_at(1, values()), score_by_rate)
    resumed = new(name)
    resumed.memory = json.loads(json.dumps(strategy.memory))
    later = situation_at(2, values())
    went_on, again = (decide(each, later, score_by_rate) for each in (strategy, resumed))
    assert [found.candidate for found in went_on[0]] == [found.candidate for found in again[0]]
    assert went_on[1] == again[1]


def outlook(epoch: int = 1, images: int = 1000) -> Outlook:
    return Outlook(epoch=epoch, epochs=EPOCHS, images_per_epoch=images, values=values(), space=SPACE, horizon=HORIZON)


@pytest.mark.parametrize("images", [0, 1000])
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_plan_names_what_is_searched_and_its_cost_is_at_least_that_of_the_training(name: str, images: int) -> None:
    strategy = new(name)
    plan = strategy.plan(outlook(images=images))
    cost = planned_cost(plan, Length(EPOCHS, images, 64))
    assert cost is None or 1 <= cost < math.inf
    assert {*plan.decisions()} <= {*strategy.decision_epochs}
    for stage in plan.stages:
        assert stage.names
        assert {*stage.names} <= {*SPACE}
        assert not {*stage.names} & {*plan.left_out}
    assert [*strategy.plan(outlook(EPOCHS + 1)).stages] == []
    if not strategy.searches:
        assert (plan, cost) == (Plan(), 1)
        assert not any(strategy.decides(epoch, None) for epoch in range(1, EPOCHS + 1))


@pytest.mark.parametrize("name", STRATEGIES)
def test_what_is_planned_for_a_decision_is_what_it_tries(name: str) -> None:
    strategy, tried = new(name), 0
    for epoch in range(1, EPOCHS + 1):
        planned = strategy.plan(outlook(epoch)).decisions().get(epoch, ())
        if not strategy.decides(epoch, None):
            continue
        probed, choice = decide(strategy, situation_at(epoch, values()), score_by_rate)
        tried += len(probed)
        rounds = [one for stage in planned for one in stage.rounds]
        fewest = sum(one.candidates for stage in planned for one in stage.rounds[: 1 if stage.at_most else None])
        assert fewest <= len(probed) <= sum(one.candidates for one in rounds)
        lengths = {one.candidate.horizon or HORIZON for one in probed}
        assert all(any(length == pytest.approx(one.epochs) for one in rounds) for length in lengths)
        assert choice.reason
    assert (tried > 0) == strategy.searches


class Silent(Strategy):
    """Says nothing of what it plans."""

    searches = True


def test_a_strategy_that_says_nothing_has_a_plan_without_numbers() -> None:
    plan = Silent(EPOCHS, (1, 2, 4)).plan(outlook(2))
    assert plan == Plan((Stage((2, 4), ("lr", "dropout")),))
    assert planned_cost(plan, Length(EPOCHS)) is None
    assert plan_lines(plan) == ["before epochs 2, 4: lr, dropout, as many candidates as it finds necessary"]


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_schedule_of_a_strategy_is_known(name: str) -> None:
    registry.check_name("schedules", new(name).schedule)


@pytest.mark.parametrize("name", registry.names("schedules"))
def test_a_schedule_begins_at_one_and_is_finite_and_not_negative(name: str) -> None:
    schedule = registry.load("schedules", name)
    assert schedule(0.0) == 1
    for progress in np.linspace(0, 1, 21):
        assert 0 <= schedule(float(progress)) < 100


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_that_searches_is_refused_without_a_range(name: str) -> None:
    settings = {"strategy": name, "search": dict.fromkeys(("lr", "weight_decay", "augmentation"), "off")}
    if new(name).searches:
        with pytest.raises(ConfigError, match="name at least one range"):
            configuration(**settings)
    else:
        assert configuration(**settings).search == {}


def test_grid_takes_the_best_of_all_cells_and_costs_what_it_planned() -> None:
    strategy = new("grid")
    probed, choice = decide(strategy, situation_at(1, values()), score_by_rate)
    assert len(probed) == 4 * 3
    assert choice.values == {"lr": 0.01, "dropout": 0.0}
    assert choice.candidate == 6
    assert planned_cost(strategy.plan(outlook()), Length(EPOCHS)) == pytest.approx(1 + 3 * 12 * HORIZON / EPOCHS)
    _, kept = decide(new("grid"), situation_at(1, values()), score_diverged)
    assert kept.values == {}
    assert "all 12 candidates diverged" in kept.reason


def test_schedules_fall_as_they_say() -> None:
    cosine, late_decay = registry.load("schedules", "cosine"), registry.load("schedules", "late_decay")
    assert [cosine(at) for at in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])
    assert cosine(0.25) == pytest.approx((1 + math.sqrt(0.5)) / 2)
    assert [late_decay(at) for at in (0, 0.5, 0.75, 1)] == pytest.approx([1, 1, 0.5, 0])
    assert registry.load("schedules", "constant")(0.7) == 1


def test_grid_leaves_out_a_cell_whose_average_looks_well_while_its_last_weights_are_thrown_about() -> None:
    strategy, at = new("grid"), situation_at(1, default_values())
    cells = grid(at.space)
    scores = [measured(Candidate(cell), at, 1.0 - 0.01 * index) for index, cell in enumerate(cells)]
    best = scores[-1].score
    scores[-1] = replace(scores[-1], raw_loss=5.0)
    scores[-2] = replace(scores[-2], score=math.inf, diverged=True)

    def measure(candidate: Candidate) -> Measurement:
        return replace(scores[cells.index(candidate.values)], candidate=candidate)

    _, choice = run_decision(strategy, at, measure)
    assert choice.candidate == len(cells) - 3
    assert choice.reason.startswith(f"lowest score of the {len(cells) - 2} candidates that were not left out: ")
    assert "(left out: 1 diverged, 1 with last weights far behind)" in choice.reason
    assert choice.excluded == (len(cells) - 1,)
    scores[-1] = replace(scores[-1], raw_loss=1.4 * best)  # noise of this size is no reason
    scores[-2] = replace(scores[-2], score=1.0, diverged=False)
    _, choice = run_decision(strategy, at, measure)
    assert choice.reason.startswith(f"lowest score of {len(cells)} candidates: ")
    assert (choice.candidate, choice.excluded) == (len(cells) - 1, ())
    scores[:-1] = [replace(one, raw_loss=5.0) for one in scores[:-1]]
    _, choice = run_decision(strategy, at, measure)
    assert choice.reason.startswith("score of the only candidate that was not left out: ")
