"""The command that says what a data set holds, before anything is trained: data."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import msgspec

from hptui.cli.exit_codes import DONE
from hptui.cli.headway_line import showing_headway
from hptui.cli.options import data_options, json_option, resolve_layers
from hptui.cli.output import print_json, print_line


@click.command()
@click.argument("dataset", required=False)
@data_options
@click.option("--sheet", metavar="FILE.png", type=click.Path(path_type=Path), help="Draw images of each class.")
@click.option(
    "--augmentations",
    metavar="FILE.png",
    type=click.Path(path_type=Path),
    help="Draw what each augmentation does to some training images (imports torch).",
)
@json_option
def data(dataset: str | None, sheet: Path | None, augmentations: Path | None, as_json: bool, **flags: Any) -> int:
    """Say what a study would train on, and what is noticed about it.

    Images of each class and split, intensities, groups, what is left out and why. DATASET is what --dataset of hptui
    run takes, such as folder:PATH or table:labels.csv. It is read, checked and split as a study would; nothing is
    trained or kept.
    """
    config = resolve_layers(None, flags | {"dataset": dataset}).config
    from hptui.cli.overwriting import refuse_own_image
    from hptui.datasets._intensity import fit_intensity
    from hptui.datasets._reading import read_dataset, split_dataset
    from hptui.datasets._sheet import write_sheet
    from hptui.datasets._summary import summarize

    with contextlib.redirect_stdout(sys.stderr), showing_headway():  # own code may print what it likes
        prepared = split_dataset(read_dataset(config), config)
        fitted = fit_intensity(config.intensity, prepared)
        summary = summarize(replace(prepared, notes=(*prepared.notes, *fitted.notes)))
    if as_json:
        print_json(msgspec.json.encode(msgspec.to_builtins(summary)))
    else:
        from hptui.cli.console import print_result
        from hptui.cli.data_tables import class_table
        from hptui.record.data_summary import files_words, noticed, overview_words

        print_line(overview_words(summary))
        if summary.files:
            print_line(files_words(summary))
        print_result(class_table(summary))
        for line in noticed(summary):
            print_line(f"note: {line}")
    for flag, path in (("--sheet", sheet), ("--augmentations", augmentations)):
        if path is not None:
            refuse_own_image(flag, path, config.dataset, prepared)
    if sheet is not None:
        write_sheet(prepared, sheet, fitted.intensity)
    if augmentations is not None:
        from hptui.cli.augmentation_sheet import draw_augmentations

        draw_augmentations(prepared, augmentations)
    for written in (sheet, augmentations):
        if written is not None and not as_json:
            print_line(f"written: {written}")
    return DONE
