"""A study's folder: made, opened, carried to another machine, refused where it cannot be used."""

from __future__ import annotations

import os
import shutil
import threading
import tomllib
from pathlib import Path

import msgspec
import pytest
import tomli_w
from fabricate import configuration, edit_study, make_study, whole_run, write_run

from hptui.config import StudyConfig
from hptui.errors import ConfigError, RunDirectoryError
from hptui.record import machine_paths, study_directory
from hptui.record.localizing import localized
from hptui.record.new_folders import new_directory
from hptui.record.own_code import remember_trained
from hptui.record.run_directory import read_run_file
from hptui.record.study_directory import create_study, open_study
from hptui.record.study_folders import studies_folder

PLANNED = {"baseline": 1.0, "optimized": 1.5}


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A user's folder with an own file and a data set."""
    folder = tmp_path / "mine"
    (folder / "data").mkdir(parents=True)
    (folder / "net.py").write_text("class Net: ...\nclass Chooser: ...\n", "utf-8")
    (folder / "data" / "scans.npz").write_bytes(b"images")
    return folder


def begin(directory: Path, **settings: object) -> study_directory.Study:
    study = create_study(directory, configuration(**settings), "f" * 64, PLANNED)
    remember_trained(study)
    return study


def forget(study: study_directory.Study) -> None:
    """What the study's folder looks like on another machine: no place is known there; that it may run its code is."""
    machine_paths._places_file(study.id).unlink()


def test_what_is_created_is_opened_again(tmp_path: Path) -> None:
    study = begin(tmp_path / "deep" / "s", runs=2, seed=5, threads=3, set={"wd": 0.1}, decide_at=[1])
    assert open_study(tmp_path / "deep" / "s") == study
    assert (study.name, study.fingerprint, study.planned_cost) == ("s", "f" * 64, PLANNED)
    assert [(arm, seed, path.name) for arm, seed, path in study.runs()] == [
        ("baseline", 5, "baseline-5"),
        ("optimized", 5, "optimized-5"),
        ("baseline", 6, "baseline-6"),
        ("optimized", 6, "optimized-6"),
    ]
    assert begin(tmp_path / "other").id != study.id


def test_a_study_with_nothing_to_search_is_opened_as_it_was(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", strategy="fixed", search="lr=off wd=off")
    assert open_study(tmp_path / "s").config.search == study.config.search == {}


def test_the_file_is_toml_that_a_person_can_read(tmp_path: Path) -> None:
    begin(tmp_path / "s")
    content = tomllib.loads((tmp_path / "s" / "study.toml").read_text("utf-8"))
    assert content["schema"] == 1
    assert content["config"]["search"] == {"lr": "0.001:0.1:log:3"}
    assert not {"out", "data_dir"} & set(content["config"])
    assert {path.name for path in (tmp_path / "s").iterdir()} == {"study.toml", "lock"}


def test_a_run_knows_what_it_was(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", runs=2)
    arm, seed, directory = study.runs()[3]
    study.create_run(arm, seed, directory)
    found = read_run_file(tmp_path / "s" / "optimized-1")
    assert (found.arm, found.seed) == ("optimized", 1)
    assert found.config == tomllib.loads((tmp_path / "s" / "study.toml").read_text("utf-8"))["config"]


def test_a_new_study_among_the_users_has_a_name_of_its_own() -> None:
    config = configuration(model="lenet", strategy="grid", dataset="some/where/own.py:data")
    first = new_directory(config)
    assert first.parent == studies_folder()
    assert str(studies_folder()).startswith(os.environ["XDG_DATA_HOME"])
    assert first.name.endswith("-own-grid")
    assert not first.exists()
    begin(first)
    for _ in range(3):  # the clock may have moved on meanwhile; either way the name is free
        directory = new_directory(config)
        assert not directory.exists()
        begin(directory)


def test_a_second_study_within_a_second_gets_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_directory.time, "strftime", lambda _: "20260101-120000")
    names = []
    for _ in range(3):
        directory = new_directory(configuration())
        begin(directory)
        names.append(directory.name)
    stem = "20260101-120000-digits-grid"
    assert names == [stem, f"{stem}-2", f"{stem}-3"]


def test_an_empty_or_missing_folder_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    assert new_directory(configuration(out=str(tmp_path / "empty"))) == tmp_path / "empty"
    assert new_directory(configuration(out=str(tmp_path / "a" / "b" / "c"))) == tmp_path / "a" / "b" / "c"
    assert not (tmp_path / "a").exists()  # nothing is made before everything is checked
    monkeypatch.chdir(tmp_path)
    assert new_directory(configuration(out="here")) == Path("here")
    assert new_directory(configuration(out="~/there")) == Path.home() / "there"


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    begin(tmp_path / "s")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    (tmp_path / "file").touch()
    for name, expected in (
        ("s", "already holds a study; go on with it (hptui resume), or choose another --out."),
        ("full", "is not an empty folder; choose another --out."),
        ("file", "is not an empty folder; choose another --out."),
        ("file/s", f"cannot write in {tmp_path / 'file'}; choose another --out."),
        ("x" * 300, "xxx: File name too long."),
    ):
        with pytest.raises(RunDirectoryError) as caught:
            new_directory(configuration(out=str(tmp_path / name)))
        assert expected in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_folder_without_permission_to_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path, int]] = []
    monkeypatch.setattr(os, "access", lambda place, mode: asked.append((place, mode)))  # root may write anywhere
    with pytest.raises(RunDirectoryError, match=f"cannot write in {tmp_path}; choose another --out"):
        new_directory(configuration(out=str(tmp_path / "a" / "b")))
    assert asked == [(tmp_path, os.W_OK)]


def test_of_two_starts_in_one_folder_the_second_overwrites_nothing(tmp_path: Path, mine: Path) -> None:
    config = configuration(out=str(tmp_path / "s"), model=f"{mine / 'net.py'}:Net")
    assert new_directory(config) == new_directory(config)  # both looked before either began
    begun: list[study_directory.Study] = []
    refused: list[str] = []
    gate = threading.Barrier(8)

    def start() -> None:
        gate.wait()
        try:
            begun.append(create_study(tmp_path / "s", config, "f" * 64, PLANNED))
        except RunDirectoryError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = begun
    assert open_study(tmp_path / "s") == winner
    assert len(refused) == 7
    assert all("already holds a study" in line or "is being written by" in line for line in refused)
    assert {path.name for path in (tmp_path / "s").iterdir()} == {"study.toml", "sources", "lock"}


def test_a_folder_that_was_filled_meanwhile_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "thesis.tex").touch()
    with pytest.raises(RunDirectoryError, match="is not an empty folder; choose another --out"):
        begin(tmp_path / "s", out=str(tmp_path / "s"))
    assert not (tmp_path / "s" / "study.toml").exists()


def test_a_start_that_was_killed_before_its_settings_were_written_can_be_repeated(tmp_path: Path, mine: Path) -> None:
    study = begin(tmp_path / "s", out=str(tmp_path / "s"), model=f"{mine / 'net.py'}:Net").directory
    (study / "study.toml").unlink()
    (study / "sources" / "model" / "net.py").write_text("an older one")
    again = begin(study, out=str(study), model=f"{mine / 'net.py'}:Net")
    assert (study / "sources" / "model" / "net.py").read_text() == (mine / "net.py").read_text()
    assert open_study(study) == again


@pytest.mark.parametrize("names", [["sources/scan.png"], ["sources/model/a.png", "lock"], ["sources/a.py", "lock"]])
def test_sources_of_the_user_are_no_left_over(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / "s" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "s" / name).touch()
    with pytest.raises(RunDirectoryError, match="is not an empty folder"):
        new_directory(configuration(out=str(tmp_path / "s")))


def test_a_name_of_hptui_that_was_taken_meanwhile_gets_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_directory.time, "strftime", lambda _: "20260101-120000")
    directory = new_directory(configuration())
    names = [begin(directory).name for _ in range(3)]  # three starts chose it before one of them made it
    assert names == [directory.name, f"{directory.name}-2", f"{directory.name}-3"]
    assert len({open_study(studies_folder() / name).id for name in names}) == 3


def test_a_failure_leaves_nothing_that_stands_in_the_way(
    tmp_path: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configuration(out=str(tmp_path / "s"), model=f"{mine / 'net.py'}:Net")

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(study_directory, "replace_file", full)
        with pytest.raises(RunDirectoryError, match="no space left on device"):
            create_study(tmp_path / "s", config, "f" * 64, PLANNED)
    assert not (tmp_path / "s" / "sources").exists()
    assert new_directory(config) == tmp_path / "s"
    assert open_study(create_study(tmp_path / "s", config, "f" * 64, PLANNED).directory).config.model == "net.py:Net"


def test_a_study_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunDirectoryError, match=r"cannot write .*file/s: "):
        begin(tmp_path / "file" / "s")


def test_a_study_that_names_both_ways_to_decide_is_opened(tmp_path: Path) -> None:
    """As an earlier hptui wrote it."""
    begin(tmp_path / "s", decide_at=[1])
    content = tomllib.loads((tmp_path / "s" / "study.toml").read_text("utf-8"))
    assert "decide_every" not in content["config"]
    change(tmp_path / "s", config=content["config"] | {"decide_every": 3})
    assert open_study(tmp_path / "s").config.decision_epochs() == (1,)


def test_a_study_whose_plug_ins_are_not_installed_is_read(tmp_path: Path) -> None:
    begin(tmp_path / "s")
    search = {"magic_dust": "0.1:0.9:lin:3", "lr": "0.001:0.1:log:3"}
    change(tmp_path / "s", config={"strategy": "magic", "optimizer": "more_magic", "search": search})
    config = open_study(tmp_path / "s").config
    assert (config.strategy, config.optimizer) == ("magic", "more_magic")
    assert config.space["magic_dust"].values() == (0.1, 0.5, 0.9)


def change(directory: Path, **changes: object) -> None:
    """Change what study.toml says, as an older hptui could have written it: without a checksum."""
    content = tomllib.loads((directory / "study.toml").read_text("utf-8")) | {"checksum": None} | changes
    kept = {key: value for key, value in content.items() if value is not None}
    (directory / "study.toml").write_text(tomli_w.dumps(kept), "utf-8")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"schema": 99}, "study.toml has format 99, this hptui reads format 1; use the hptui version that wrote it."),
        ({"schema": None}, "has format None"),
        ({"id": None}, "is damaged: Object missing required field `id`"),
        ({"created": "yesterday"}, "is damaged: Expected `float`"),
        ({"planned_cost": {"baseline": "much"}}, "is damaged: Expected `float`"),
        ({"config": None}, "is damaged: Expected `object`"),
        ({"config": 3}, "is damaged: Expected `object`"),
        ({"config": {"epoch": 3}}, "cannot be used here: config: unknown key 'epoch'. Did you mean 'epochs'?"),
        ({"config": {"epochs": "ten"}}, "cannot be used here: config: epochs = 'ten'"),
        ({"config": {"strategy": "grid", "search": {}}}, "cannot be used here: strategy 'grid' has nothing to search"),
    ],
)
def test_a_study_toml_that_cannot_be_used(tmp_path: Path, changes: dict[str, object], expected: str) -> None:
    begin(tmp_path / "s")
    change(tmp_path / "s", **changes)
    with pytest.raises(RunDirectoryError) as caught:
        open_study(tmp_path / "s")
    message = str(caught.value)
    assert expected in message
    assert str(tmp_path / "s" / "study.toml") in message
    assert "\n" not in message


@pytest.mark.parametrize(("content", "expected"), [(b"schema = [", "is damaged"), (b"\xff\xfe", "is damaged")])
def test_a_study_toml_that_is_no_toml(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "study.toml").write_bytes(content)
    with pytest.raises(RunDirectoryError, match=expected):
        open_study(tmp_path)


def test_a_folder_without_a_study(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"is not a study: cannot read study\.toml, No such file"):
        open_study(tmp_path)


def own_settings(mine: Path) -> dict[str, object]:
    return {
        "dataset": f"medmnist:{mine / 'data' / 'scans.npz'}",
        "data_dir": str(mine / "data"),
        "model": f"{mine / 'net.py'}:Net",
        "strategy": f"{mine / 'net.py'}:Chooser",
        "out": str(mine.parent / "s"),
    }


def test_no_file_of_a_study_names_a_place_of_this_machine(tmp_path: Path, mine: Path) -> None:
    study = begin(tmp_path / "s", **own_settings(mine))
    for arm, seed, _ in study.runs():
        write_run(study, arm, seed, whole_run(arm, seed))
    files = [path for path in (tmp_path / "s").rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        assert str(tmp_path).encode() not in path.read_bytes(), path
    shutil.move(tmp_path / "s", tmp_path / "elsewhere")
    moved = open_study(tmp_path / "elsewhere")
    assert moved == msgspec.structs.replace(study, directory=tmp_path / "elsewhere")
    assert (moved.config.dataset, moved.config.model) == ("medmnist:scans.npz", "net.py:Net")


def test_own_files_are_copied_into_the_study(tmp_path: Path, mine: Path) -> None:
    begin(tmp_path / "s", **own_settings(mine))
    copies = sorted(path.relative_to(tmp_path / "s") for path in (tmp_path / "s" / "sources").rglob("*.py"))
    assert copies == [Path("sources/model/net.py"), Path("sources/strategy/net.py")]
    for copy in copies:
        assert (tmp_path / "s" / copy).read_bytes() == (mine / "net.py").read_bytes()


def test_on_the_same_machine_everything_is_found_again(
    tmp_path: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mine)
    relative = {"dataset": "medmnist:data/scans.npz", "model": "net.py:Net", "baseline": "./net.py:Chooser"}
    study = begin(tmp_path / "s", **relative)
    monkeypatch.chdir(tmp_path)
    found = localized(open_study(tmp_path / "s"))
    assert found.dataset == f"medmnist:{mine / 'data' / 'scans.npz'}"
    assert (found.model, found.baseline) == (f"{mine / 'net.py'}:Net", f"{mine / 'net.py'}:Chooser")
    assert found.strategy == "grid"
    assert found.allow_overlap  # nobody recorded what was read: an older hptui, which did not look
    assert without_places(found) == without_places(study.config)


def without_places(config: StudyConfig) -> StudyConfig:
    return msgspec.structs.replace(
        config, dataset="", model="", strategy="", baseline="", data_dir=None, allow_overlap=False
    )


def test_the_data_folder_is_remembered(tmp_path: Path, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mine)
    study = begin(tmp_path / "s", dataset="mnist", data_dir="data")
    monkeypatch.chdir(tmp_path)
    assert study.config.data_dir is None
    assert localized(study).data_dir == str(mine / "data")
    assert localized(study, "other").data_dir == "other"


def test_a_home_folder_is_understood(tmp_path: Path, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(mine))
    study = begin(tmp_path / "s", dataset="medmnist:~/data/scans.npz", data_dir="~/data")
    assert study.config.dataset == "medmnist:scans.npz"
    found = localized(study)
    assert (found.dataset, found.data_dir) == (f"medmnist:{mine / 'data' / 'scans.npz'}", str(mine / "data"))
    forget(study)
    assert localized(study, "~/data").dataset == f"medmnist:{mine / 'data' / 'scans.npz'}"


def test_a_path_below_the_data_folder_stays_relative(tmp_path: Path, mine: Path) -> None:
    study = begin(tmp_path / "s", dataset="medmnist:data/scans.npz", data_dir=str(mine))
    assert study.config.dataset == "medmnist:data/scans.npz"
    found = localized(study)
    assert (found.dataset, found.data_dir) == ("medmnist:data/scans.npz", str(mine))
    cached = begin(tmp_path / "t", dataset="medmnist:below/the/cache.npz")  # no --data-dir: relative to the cache
    assert localized(cached).dataset == "medmnist:below/the/cache.npz"


def test_on_another_machine_the_copies_serve_and_the_data_are_asked_for(tmp_path: Path, mine: Path) -> None:
    study = begin(tmp_path / "s", **own_settings(mine))
    forget(study)
    shutil.rmtree(mine)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "scans.npz").write_bytes(b"images")
    unknown = localized(study)
    assert (unknown.dataset, unknown.data_dir) == ("medmnist:scans.npz", None)  # the data set says what is missing
    found = localized(study, str(tmp_path / "there"))
    assert found.dataset == f"medmnist:{tmp_path / 'there' / 'scans.npz'}"
    assert found.data_dir == str(tmp_path / "there")
    assert found.model == f"{tmp_path / 's' / 'sources' / 'model' / 'net.py'}:Net"
    assert found.strategy == f"{tmp_path / 's' / 'sources' / 'strategy' / 'net.py'}:Chooser"
    assert Path(found.model.rpartition(":")[0]).read_text("utf-8").startswith("class Net")


def test_data_that_have_moved_are_found_with_data_dir(tmp_path: Path, mine: Path) -> None:
    study = begin(tmp_path / "s", dataset=f"medmnist:{mine / 'data' / 'scans.npz'}")
    (mine / "data").rename(tmp_path / "moved")
    assert localized(study).dataset == "medmnist:scans.npz"
    assert localized(study, str(tmp_path / "moved")).dataset == f"medmnist:{tmp_path / 'moved' / 'scans.npz'}"


def test_an_own_file_that_has_changed_is_refused(tmp_path: Path, mine: Path) -> None:
    study = begin(tmp_path / "s", **own_settings(mine))
    source = mine / "net.py"
    original = source.read_text("utf-8")
    source.write_text(original + "# faster\n", "utf-8")
    with pytest.raises(ConfigError) as caught:
        localized(study)
    message = str(caught.value)
    assert message.startswith(f"{source} has changed since the study began; put the copy in ")
    assert str(tmp_path / "s" / "sources" / "model") in message
    assert "\n" not in message
    source.write_text(original, "utf-8")
    assert localized(study).model == f"{source}:Net"
    source.unlink()  # now the study's own copy serves
    assert localized(study).model == f"{tmp_path / 's' / 'sources' / 'model' / 'net.py'}:Net"


def test_a_damaged_memory_of_places_is_no_memory(tmp_path: Path, mine: Path) -> None:
    study = begin(tmp_path / "s", dataset="mnist", data_dir=str(mine))
    machine_paths._places_file(study.id).write_bytes(b"{")
    assert localized(study).data_dir is None


def test_a_state_folder_that_cannot_be_written_does_not_refuse_the_study(
    tmp_path: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(mine / "net.py"))
    study = begin(tmp_path / "s", data_dir=str(mine))
    assert open_study(tmp_path / "s") == study
    assert localized(study).data_dir is None


def test_how_a_study_is_trained_is_remembered_on_this_machine_alone(tmp_path: Path) -> None:
    settings = configuration(runs=2, parallel="2", engine="slurm", engine_args={"partition": "gpu", "gpus": 1})
    study = create_study(tmp_path / "s", settings, "f" * 64, {})
    assert (study.config.parallel, study.config.engine, study.config.engine_args) == ("1", None, {})
    text = (tmp_path / "s" / "study.toml").read_text("utf-8")
    assert "parallel" not in text
    assert "engine" not in text
    found = localized(open_study(tmp_path / "s"))
    assert (found.parallel, found.engine) == ("2", "slurm")
    assert found.engine_args == {"partition": "gpu", "gpus": 1}
    forget(study)
    foreign = '[config]\nengine = "processes"\nparallel = "4"\n'  # no hptui writes that
    edit_study(tmp_path / "s", lambda text: text.replace("[config]\n", foreign))
    found = localized(open_study(tmp_path / "s"))
    assert (found.parallel, found.engine) == ("1", None)
