"""From the settings of a study to its images: read, checked and split."""

from __future__ import annotations

from pathlib import Path

from hptui.config import StudyConfig
from hptui.datasets import ImageDataset
from hptui.datasets._prepare import prepare
from hptui.datasets._spec import request_dataset
from hptui.record.intensity import Depth


def read_dataset(
    config: StudyConfig,
    *,
    trained_depth: Depth | None = None,
    trained_units: bool = True,
    run: StudyConfig | None = None,
) -> ImageDataset:
    """The data set that the settings name, checked.

    Args:
        config: the settings.
        trained_depth: see `DatasetRequest`.
        trained_units: likewise.
        run: settings of the run whose columns and pattern are taken where they fit (see `DatasetRequest`).

    Raises:
        UsageError: see `request_dataset`.
    """
    return request_dataset(
        config.dataset,
        data_dir=Path(config.data_dir) if config.data_dir is not None else None,
        image_size=config.image_size,
        split_seed=config.split_seed,
        resize=config.resize,
        pages=config.pages,
        intensity=config.intensity,
        keep_decoded=config.keep_decoded,
        test_size=config.test_size,
        column=config.columns,
        group_pattern=config.group_pattern,
        run_column=run.columns if run is not None else {},
        run_pattern=run.group_pattern if run is not None else None,
        trained_depth=trained_depth,
        trained_units=trained_units,
        allow_overlap=config.allow_overlap,
    )


def split_dataset(dataset: ImageDataset, config: StudyConfig) -> ImageDataset:
    """A data set with validation images, and with as many images as the settings ask for.

    Raises:
        DatasetError: see `prepare`.
    """
    return prepare(
        dataset,
        train_size=config.train_size,
        validation_size=config.validation_size,
        split_seed=config.split_seed,
        allow_overlap=config.allow_overlap,
    )
