"""What the study was trained on, as far as its folder knows."""

from __future__ import annotations

from hptui.record.data_summary import DataSummary
from hptui.report.tables import PageTable


def images_table(summary: DataSummary) -> PageTable:
    """A row for each class, a column for each split; then all of them, and the groups where they are known."""
    splits = summary.splits.values()
    rows = [(name, *(f"{split.images[index]:,}" for split in splits)) for index, name in enumerate(summary.class_names)]
    rows.append(("all", *(f"{sum(split.images):,}" for split in splits)))
    if any(split.groups is not None for split in splits):
        rows.append(("groups", *("-" if split.groups is None else f"{split.groups:,}" for split in splits)))
    return PageTable("Images of each class", ("class", *summary.splits), rows)
