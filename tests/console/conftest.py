"""What the console's tests share."""

import pytest

from v2g_console.console.screens import choice


@pytest.fixture
def no_dwell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions take their answers at once."""
    monkeypatch.setattr(choice, "DWELL_S", 0.0)
