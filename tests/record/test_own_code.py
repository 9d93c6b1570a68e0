"""The code that a study brings along: what it consists of, and that it runs only where somebody allowed it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import msgspec
import platformdirs
import pytest
from fabricate import configuration, edit_study, make_study

from hptui import registry
from hptui.errors import HptuiError, RunDirectoryError
from hptui.record import machine_paths
from hptui.record.localizing import localized, localized_model
from hptui.record.machine_paths import forget_paths, recall_paths, remember_paths
from hptui.record.own_code import (
    CodeNotAllowedError,
    code_question,
    own_code,
    remember_code,
    remember_trained,
    unknown_code,
)
from hptui.record.study_directory import Study, create_study, open_study

NET = "class Net:\n    pass\n"


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the user's, in the current folder."""
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    (tmp_path / "mine" / "net.py").write_text(NET, "utf-8")
    return tmp_path / "mine" / "net.py"


@pytest.fixture
def received(tmp_path: Path, mine: Path) -> Study:
    """A study that somebody else has trained elsewhere."""
    made = make_study(tmp_path / "received", model=f"{mine}:Net")
    forget_paths(made.id)
    return made


def known(study: Study) -> bool:
    return unknown_code(open_study(study.directory)) is None


def test_a_study_without_own_code_needs_nobody(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", dataset="medmnist:scans.npz", schedule="cosine")
    assert own_code(study) is None
    assert localized(study).model == "lenet"


def test_what_was_trained_here_is_known_also_where_the_file_has_gone(tmp_path: Path, mine: Path) -> None:
    study = create_study(tmp_path / "s", configuration(model=f"{mine}:Net"), "f" * 64, {})
    remember_trained(study)
    mine.unlink()
    assert localized(study).model == f"{tmp_path}/s/sources/model/net.py:Net"
    moved = Path(shutil.move(tmp_path / "s", tmp_path / "moved"))
    assert known(open_study(moved))
    assert known(open_study(Path(shutil.copytree(moved, tmp_path / "copied"))))


def test_what_an_older_hptui_trained_here_is_known_by_the_users_own_file(tmp_path: Path, mine: Path) -> None:
    """It remembered no code, but where the file is."""
    study = create_study(tmp_path / "s", configuration(model=f"{mine}:Net"), "f" * 64, {})
    assert localized(study).model == f"{mine}:Net"
    mine.unlink()
    with pytest.raises(CodeNotAllowedError):
        localized(study)


def test_received_code_is_refused_with_what_to_do(received: Study) -> None:
    for run in (localized, localized_model):
        with pytest.raises(CodeNotAllowedError) as caught:
            run(received)
        message = str(caught.value)
        assert message.startswith(f"{received.directory} brings code of its own (model = net.py:Net)")
        assert message.endswith(f"read it in {received.directory}/sources, then give --trust.")
        assert caught.value.exit_code == 2


def test_it_is_asked_about_once_and_again_when_it_has_changed(received: Study) -> None:
    code = unknown_code(received)
    assert code is not None
    assert remember_code(code)
    assert known(received)
    assert localized(received).model.endswith("/sources/model/net.py:Net")
    source = received.directory / "sources" / "model" / "net.py"
    source.write_text(NET + "import os\n", "utf-8")
    assert not known(received)
    source.write_text(NET, "utf-8")
    assert known(received)
    (source.parent / "numpy.py").write_text("", "utf-8")  # a neighbour, which an import would find first
    assert not known(received)
    (source.parent / "numpy.py").unlink()
    edit_study(received.directory, lambda text: text.replace("net.py:Net", "net.py:Other"))
    assert not known(received)


def test_the_identity_of_a_study_that_was_trained_here_does_not_help(tmp_path: Path, mine: Path) -> None:
    """A study that was given away comes back with other code: the file that it was trained with is not asked."""
    study = create_study(tmp_path / "s", configuration(model=f"{mine}:Net"), "f" * 64, {})
    remember_trained(study)
    (study.directory / "sources" / "model" / "net.py").write_text("import os\n", "utf-8")
    with pytest.raises(HptuiError, match="has changed since the study began"):
        localized(study)
    mine.unlink()
    with pytest.raises(CodeNotAllowedError):
        localized(study)
    edit_study(study.directory, lambda text: text.replace('strategy = "grid"', 'strategy = "evil.py:Evil"'))
    with pytest.raises(CodeNotAllowedError, match=r"strategy = evil\.py:Evil"):
        localized(open_study(study.directory))


def test_the_question_says_what_whose_and_which(received: Study) -> None:
    (received.directory / "sources" / "model" / "__pycache__").mkdir()
    (received.directory / "sources" / "model" / "__pycache__" / "net.pyc").write_bytes(b"x")
    code = unknown_code(received)
    assert code is not None
    question = code_question(code)
    assert str(received.directory) in question
    assert "model = net.py:Net" in question
    assert f"sources/model/net.py: {len(NET)} bytes, of {Path(received.directory).owner()}" in question
    assert "net.pyc: 1 bytes, of root, no Python source" in question.replace(Path(received.directory).owner(), "root")
    assert f"SHA-256 {code.checksum}" in question


@pytest.mark.parametrize("name", ["../net.py", "../../mine/net.py", "MINE", "~/net.py"])
@pytest.mark.parametrize("field", ["model", "strategy", "loss"])
def test_a_name_that_leads_out_of_the_folder_is_never_run(received: Study, mine: Path, field: str, name: str) -> None:
    name = name.replace("MINE", str(mine))
    edit_study(
        received.directory,
        lambda text: "\n".join(
            f'{field} = "{name}:Net"' if line.startswith(f"{field} =") else line for line in text.splitlines()
        ),
    )
    with pytest.raises(RunDirectoryError, match="leads out of the study's folder"):
        localized(open_study(received.directory))


def test_links_among_the_code_are_refused(received: Study, mine: Path) -> None:
    (received.directory / "sources" / "model" / "helper.py").symlink_to(mine)
    with pytest.raises(RunDirectoryError, match=r"helper\.py is a link"):
        localized(received)


def test_a_module_of_the_current_folder_is_code_of_the_study_and_an_installed_one_is_not(
    tmp_path: Path, mine: Path
) -> None:
    study = make_study(tmp_path / "s", model="net:Net", loss="torch.nn:MSELoss")
    code = own_code(study)
    assert code is not None
    assert code.files == (mine,)
    assert "torch" not in sys.modules or code.settings == {"model": "net:Net", "loss": "torch.nn:MSELoss"}
    with pytest.raises(CodeNotAllowedError, match=r"model = net:Net, loss = torch\.nn:MSELoss"):
        localized(study)  # which of an installed module's functions is called was the sender's choice
    remember_code(code)
    assert known(study)
    mine.write_text(NET + "# changed\n", "utf-8")
    assert not known(study)


def test_a_package_is_all_of_its_files(tmp_path: Path, mine: Path) -> None:
    (mine.parent / "nets" / "deep").mkdir(parents=True)
    for name in ("__init__.py", "deep/__init__.py", "deep/net.py"):
        (mine.parent / "nets" / name).write_text(NET, "utf-8")
    study = make_study(tmp_path / "s", model="nets.deep.net:Net")
    remember_trained(study)
    assert known(study)
    (mine.parent / "nets" / "deep" / "net.py").write_text("import os\n", "utf-8")
    assert not known(study)


def test_what_was_allowed_a_moment_ago_needs_no_memory(received: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/none")
    code = unknown_code(received)
    assert code is not None
    assert not remember_code(code)
    assert localized(received, allowed=code.checksum).model.endswith("net.py:Net")


@pytest.mark.parametrize("identity", ["../../evil", "/tmp/evil", "", "x" * 32, "a" * 31 + "/", "A" * 32])
def test_an_identity_that_is_none_names_no_file(received: Study, tmp_path: Path, identity: str) -> None:
    """It would be read as places of the user's own files, and be removed with the study."""
    evil = tmp_path / "evil.json"
    evil.write_bytes(msgspec.json.encode({"model": str(tmp_path / "evil.py")}))
    identity = identity.replace("../../evil", os.path.relpath(tmp_path / "evil", platformdirs.user_state_path("hptui")))
    identity = identity.replace("/tmp/evil", str(tmp_path / "evil"))
    assert recall_paths(identity) == {}
    remember_paths(identity, {"model": "x"})
    forget_paths(identity)
    assert evil.exists()
    assert list(tmp_path.glob("**/places/*")) == []


def test_compiled_code_beside_an_own_file_is_not_run(mine: Path) -> None:
    """A received one could say something else than its source, which the user has read."""
    import importlib.util
    import py_compile

    evil = mine.with_name("evil.py")
    evil.write_text("class Net:\n    bad = 1\n", "utf-8")
    compiled = Path(importlib.util.cache_from_source(str(mine)))
    py_compile.compile(str(evil), str(compiled), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    assert not hasattr(registry.load("models", f"{mine}:Net"), "bad")


def test_nothing_is_written_beside_own_code(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    mine.with_name("helper_of_net.py").write_text("VALUE = 3\n", "utf-8")
    mine.write_text("import helper_of_net\nclass Net:\n    value = helper_of_net.VALUE\n", "utf-8")
    assert registry.load("models", f"{mine}:Net").value == 3
    assert sorted(path.name for path in mine.parent.iterdir()) == ["helper_of_net.py", "net.py"]
    assert not sys.dont_write_bytecode
    del sys.modules["helper_of_net"]


def test_the_memory_lies_in_the_users_state(received: Study) -> None:
    code = unknown_code(received)
    assert code is not None
    remember_code(code)
    (memory,) = (platformdirs.user_state_path("hptui") / "allowed").iterdir()
    assert memory.name == f"{code.checksum}.json"
    about = msgspec.json.decode(memory.read_bytes())
    assert about["settings"] == {"model": "net.py:Net"}
    assert about["files"] == [f"{received.directory}/sources/model/net.py"]
    assert machine_paths.recall_paths(received.id) == {}
