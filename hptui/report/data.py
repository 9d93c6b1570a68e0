"""What the study was trained on, as far as its folder knows."""

from __future__ import annotations

from hptui.record.data_summary import DataSummary, count_rows
from hptui.report.tables import PageTable


def images_table(summary: DataSummary) -> PageTable:
    """A row for each class, a column for each split; then all of them, and the groups where they are known."""
    rows = [(name, *(f"{count:,}" for count in counts)) for name, counts in count_rows(summary)]
    splits = summary.splits.values()
    if any(split.groups is not None for split in splits):
        rows.append(("groups", *("-" if split.groups is None else f"{split.groups:,}" for split in splits)))
    return PageTable("Images of each class", ("class", *summary.splits), rows)
