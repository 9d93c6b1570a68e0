"""What the study was trained on, as far as its folder knows."""

from __future__ import annotations

from hptui.record.data_summary import DataSummary, class_word, count_rows
from hptui.report.tables import PageTable


def images_table(summary: DataSummary) -> PageTable:
    """A row for each class or label, a column for each split; then all, and the groups where they are known."""
    splits = summary.splits.values()
    rows = [(name, *(f"{count:,}" for count in counts)) for name, counts in count_rows(summary)]
    if any(split.groups is not None for split in splits):
        rows.append(("groups", *("-" if split.groups is None else f"{split.groups:,}" for split in splits)))
    title = "Images of each class" if summary.task == "single-label" else "Images with each label"
    return PageTable(title, (class_word(summary), *summary.splits), rows)
