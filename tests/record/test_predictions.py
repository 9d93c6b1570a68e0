"""Predictions on disk: the same numbers back, whole or not at all, a clear word where they are missing or damaged."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fabricate import python

from hptui.errors import RunDirectoryError, TrainingError
from hptui.record.predictions import PREDICTIONS_FILE, Model, Predictions, read_predictions, write_predictions


def made_up(images: int, seed: int) -> Predictions:
    random = np.random.default_rng(seed)
    return Predictions(random.integers(0, 3, images), random.random((images, 3), np.float32))


def four() -> dict[tuple[Model, str], Predictions]:
    """Both models on both splits."""
    final, test = made_up(20, 0), made_up(30, 1)
    return {
        ("final", "validation"): final,
        ("best", "validation"): Predictions(final.labels, final.probabilities / 2),
        ("final", "test"): test,
        ("best", "test"): Predictions(test.labels, test.probabilities / 2),
    }


def test_predictions_come_back_to_the_bit(tmp_path: Path) -> None:
    written = four()
    write_predictions(tmp_path, written)
    for (model, split), expected in written.items():
        found = read_predictions(tmp_path, model, split)
        assert found is not None
        assert found.labels.dtype == np.int64
        assert found.probabilities.dtype == np.float32
        assert np.array_equal(found.labels, expected.labels)
        assert np.array_equal(found.probabilities, expected.probabilities)
        assert (len(found), found.classes) == (len(expected), 3)
    assert [path.name for path in tmp_path.iterdir()] == [PREDICTIONS_FILE]


def test_groups_and_names_come_back_and_old_files_have_none(tmp_path: Path) -> None:
    write_predictions(tmp_path, four())
    old = read_predictions(tmp_path)
    assert old is not None
    assert old.groups is old.names is None
    who, called = np.array(["a", "å b", "a"]), np.array(["a/1.png", "b/2.png", "a/3.png"])
    one = Predictions(np.array([0, 1, 0]), np.full((3, 2), 0.5, np.float32), who, called)
    write_predictions(tmp_path, {("final", "test"): one, ("final", "validation"): made_up(5, 0)})
    found = read_predictions(tmp_path)
    assert found is not None
    assert found.groups is not None
    assert found.names is not None
    assert (found.groups.tolist(), found.names.tolist()) == (who.tolist(), called.tolist())
    assert found.take(np.array([2, 1])).names.tolist() == ["a/3.png", "b/2.png"]  # type: ignore[union-attr]
    validation = read_predictions(tmp_path, "final", "validation")
    assert validation is not None
    assert validation.groups is None


@pytest.mark.parametrize("groups", [np.array(["a", "b"]), np.array([1, 2, 3])])
def test_groups_that_are_none_are_told(tmp_path: Path, groups: np.ndarray) -> None:
    write_predictions(tmp_path, {("final", "test"): made_up(3, 0)})
    with np.load(tmp_path / PREDICTIONS_FILE) as archive:
        np.savez(tmp_path / PREDICTIONS_FILE, **archive, test_groups=groups)
    with pytest.raises(RunDirectoryError, match=r"is damaged: \(\d,\) names of type"):
        read_predictions(tmp_path)


def test_a_run_that_saved_none_has_none(tmp_path: Path) -> None:
    assert read_predictions(tmp_path) is None
    write_predictions(tmp_path, {("final", "test"): made_up(5, 0)})
    assert read_predictions(tmp_path) is not None
    assert read_predictions(tmp_path, "best") is None
    assert read_predictions(tmp_path, "final", "validation") is None


def test_models_that_saw_other_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="labels of test differ"):
        write_predictions(tmp_path, {("final", "test"): made_up(5, 0), ("best", "test"): made_up(5, 1)})
    assert not (tmp_path / PREDICTIONS_FILE).exists()


@pytest.mark.parametrize("kept", [0, 10, 300, -30])
def test_a_torn_file_is_told_in_one_line(tmp_path: Path, kept: int) -> None:
    write_predictions(tmp_path, four())
    path = tmp_path / PREDICTIONS_FILE
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(RunDirectoryError, match=r"predictions\.npz is damaged") as caught:
        read_predictions(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_flipped_bytes_are_told(tmp_path: Path) -> None:
    write_predictions(tmp_path, {("final", "test"): made_up(3000, 0)})
    path = tmp_path / PREDICTIONS_FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(RunDirectoryError, match=r"cannot be read|is damaged"):
        read_predictions(tmp_path)


def test_pickled_objects_are_not_loaded(tmp_path: Path) -> None:
    objects = np.array([object()], dtype=object)
    np.savez(tmp_path / PREDICTIONS_FILE, test_labels=objects, final_test=objects)
    with pytest.raises(RunDirectoryError, match=r"cannot be read|is damaged"):
        read_predictions(tmp_path)


def test_arrays_that_do_not_fit_each_other_are_told(tmp_path: Path) -> None:
    np.savez(tmp_path / PREDICTIONS_FILE, test_labels=np.zeros(4, np.int64), final_test=np.zeros((5, 2), np.float32))
    with pytest.raises(RunDirectoryError, match="damaged"):
        read_predictions(tmp_path)


@pytest.mark.parametrize(
    ("labels", "probabilities"),
    [
        (np.array([0, 1, 3]), np.zeros((3, 3), np.float32)),
        (np.array([0, -1, 2]), np.zeros((3, 3), np.float32)),
        (np.array([0.0, 1.0, 2.0]), np.zeros((3, 3), np.float32)),
        (np.array([0, 1, 2]), np.zeros((3, 3), np.int64)),
        (np.array(["a", "b", "c"]), np.zeros((3, 3), np.float32)),
        (np.array([0, 1, 2]), np.zeros((3, 3), np.complex64)),
        (np.zeros(0, np.int64), np.zeros((0, 3), np.float32)),
        (np.zeros((), np.int64), np.zeros((1, 3), np.float32)),
    ],
)
def test_arrays_that_are_no_predictions_are_told(tmp_path: Path, labels: np.ndarray, probabilities: np.ndarray) -> None:
    np.savez(tmp_path / PREDICTIONS_FILE, test_labels=labels, final_test=probabilities)
    with pytest.raises(RunDirectoryError, match="is damaged"):
        read_predictions(tmp_path)


def test_whatever_a_damaged_byte_does_is_told_in_one_line(tmp_path: Path) -> None:
    """Compression methods, encryption flags, array headers: zipfile and NumPy raise something else for each."""
    write_predictions(tmp_path, {("final", "test"): made_up(8, 0)})
    path = tmp_path / PREDICTIONS_FILE
    whole, told = path.read_bytes(), 0
    random = np.random.default_rng(0)
    for place, byte in zip(random.integers(0, len(whole), 1500), random.integers(0, 256, 1500), strict=True):
        path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
        try:
            read_predictions(tmp_path)
        except RunDirectoryError as error:
            told += len(str(error).splitlines()) == 1
    assert told > 500


def test_a_header_that_cannot_be_parsed_is_told(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.save(content, np.zeros(3))
    torn = content.getvalue().replace(b"'fortran_order'", b"'fortran_order(")
    with zipfile.ZipFile(tmp_path / PREDICTIONS_FILE, "w") as archive:
        archive.writestr("test_labels.npy", torn)
        archive.writestr("final_test.npy", torn)
    with pytest.raises(RunDirectoryError, match=r"cannot be read|is damaged"):
        read_predictions(tmp_path)


def test_a_disk_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"cannot write .*predictions\.npz"):
        write_predictions(tmp_path / "gone", four())


def test_reading_and_measuring_loads_no_torch(tmp_path: Path) -> None:
    write_predictions(tmp_path, four())
    code = (
        "import sys, pathlib; from hptui.record.predictions import read_predictions\n"
        "from hptui.metrics import classification, intervals, thresholds\n"
        "assert 'numpy' not in sys.modules\n"
        "found = read_predictions(pathlib.Path(sys.argv[1])); classification.metric('auc', found)\n"
        "assert 'torch' not in sys.modules and 'scipy' not in sys.modules"
    )
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr


def test_an_archive_that_unpacks_to_more_than_any_predictions_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hptui.record.predictions.MOST_BYTES", 1000)
    np.savez_compressed(
        tmp_path / PREDICTIONS_FILE, test_labels=np.zeros(10_000, int), final_test=np.zeros((10_000, 2))
    )
    with pytest.raises(RunDirectoryError, match="is damaged: it says that it holds more than"):
        read_predictions(tmp_path)


def test_a_member_that_is_no_array_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / PREDICTIONS_FILE, "w") as archive:
        archive.writestr("test_labels.npy", b"no array")
        archive.writestr("final_test.npy", b"neither")
    with pytest.raises(RunDirectoryError, match=r"predictions\.npz (is damaged|cannot be read)"):
        read_predictions(tmp_path)
