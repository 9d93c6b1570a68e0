"""Predictions on disk: the same numbers back, whole or not at all, a clear word where they are missing or damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fabricate import python

from hptui.errors import RunDirectoryError, TrainingError
from hptui.predictions import PREDICTIONS_FILE, Model, Predictions, read_predictions, write_predictions


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
    with pytest.raises(RunDirectoryError, match=r"predictions\.npz cannot be read") as caught:
        read_predictions(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_flipped_bytes_are_told(tmp_path: Path) -> None:
    write_predictions(tmp_path, {("final", "test"): made_up(3000, 0)})
    path = tmp_path / PREDICTIONS_FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(RunDirectoryError, match="cannot be read"):
        read_predictions(tmp_path)


def test_pickled_objects_are_not_loaded(tmp_path: Path) -> None:
    objects = np.array([object()], dtype=object)
    np.savez(tmp_path / PREDICTIONS_FILE, test_labels=objects, final_test=objects)
    with pytest.raises(RunDirectoryError, match="cannot be read"):
        read_predictions(tmp_path)


def test_arrays_that_do_not_fit_each_other_are_told(tmp_path: Path) -> None:
    np.savez(tmp_path / PREDICTIONS_FILE, test_labels=np.zeros(4, np.int64), final_test=np.zeros((5, 2), np.float32))
    with pytest.raises(RunDirectoryError, match="damaged"):
        read_predictions(tmp_path)


def test_a_disk_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"cannot save .*predictions\.npz"):
        write_predictions(tmp_path / "gone", four())


def test_reading_and_measuring_loads_no_torch(tmp_path: Path) -> None:
    write_predictions(tmp_path, four())
    code = (
        "import sys, pathlib; from hptui.predictions import read_predictions; from hptui import metrics\n"
        "assert 'numpy' not in sys.modules\n"
        "found = read_predictions(pathlib.Path(sys.argv[1])); metrics.metric('auc', found)\n"
        "assert 'torch' not in sys.modules and 'scipy' not in sys.modules"
    )
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr
