"""Images of each class and split as a table."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from hptui.record.data_summary import DataSummary, class_word, count_rows


def class_table(summary: DataSummary) -> Table:
    """A row for each class or label, a column for each split; then all, and the groups where they are known."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(class_word(summary))
    for name in summary.splits:
        table.add_column(name, justify="right")
    for name, counts in count_rows(summary):
        table.add_row(Text(name), *(f"{count:,}" for count in counts))
    splits = summary.splits.values()
    if any(split.groups is not None for split in splits):
        table.add_row("groups", *("" if split.groups is None else f"{split.groups:,}" for split in splits))
    return table
