"""All that screens, tables and exports say of studies, without drawing it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from hptui.cli.recipe import recipe_of
from hptui.errors import HptuiError
from hptui.export.tables import tables
from hptui.reading.alerts import AlertFinder
from hptui.reading.cautions import cautions
from hptui.reading.changes import changes
from hptui.reading.comparison import Question, compare
from hptui.reading.comparison.by_class import by_class
from hptui.reading.comparison.words import comparison_lines
from hptui.reading.listing import StudyReader
from hptui.reading.listing_words import COLUMNS, details
from hptui.reading.outcomes import confusions, roc_curves
from hptui.reading.plan import coming_lines
from hptui.reading.progress import seconds_left
from hptui.reading.studies import FollowedStudy
from hptui.reading.views.heatmap import heatmap, heatmap_parts
from hptui.record.run_reader import RunReader
from hptui.ui.drawing.event_words import event_words


def listed(study: Path) -> object:
    lines = StudyReader(study.parent).read()
    return [[column.text(line) for column in COLUMNS] + details(line) for line in lines]


def look_at(followed: FollowedStudy, run: Path) -> object:
    """All that screens, tables and exports say of a study, without drawing it."""
    state = next(one for one in followed.runs if one.directory == run)
    seen: list[object] = [event_words(event) for event in state.notable]
    seen += [
        cautions(state.state, state.directory),
        changes(followed),
        coming_lines(followed, state),
        seconds_left(followed),
    ]
    finder = AlertFinder(followed)
    seen += [finder.find("running"), finder.find(followed.status), listed(followed.study.directory)]
    for index, started in enumerate(state.state.decisions):
        decision = state.decision(index)
        parts = heatmap_parts(decision) if started.started.axes else []
        seen += [heatmap(decision, part.x, part.y, number=part.number).close_values for part in parts]
    with contextlib.suppress(HptuiError):
        seen += [list(table.rows()) for table in tables(followed)]
    with contextlib.suppress(HptuiError):  # it was not completed, or by an older hptui
        seen += [comparison_lines(compare(followed))]
    with contextlib.suppress(HptuiError):
        seen += [by_class(followed, Question()), roc_curves(followed), confusions(followed)]
    with contextlib.suppress(HptuiError):
        seen += [recipe_of(RunReader(run).read(), run)]
    return seen
