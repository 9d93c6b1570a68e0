"""What a field of the form offers beyond the names that hptui knows."""

from __future__ import annotations

import pytest

from hptui.ui.widgets.setting_row import OWN, _options


@pytest.mark.parametrize(
    ("field", "words"), [("model", "a library's, or own file"), ("loss", "your own file"), ("dataset", "your own file")]
)
def test_the_field_of_the_model_names_libraries(field: str, words: str) -> None:
    assert [*_options(field).items()][-1] == (OWN, words)
