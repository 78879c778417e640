"""Log records: JSON on standard error, or a file that only its owner reads; secrets in neither."""

import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from v2g_console.config.settings import MqttSettings, Settings
from v2g_console.runtime.log_setup import log_to_file

SETTINGS = Settings(mqtt=MqttSettings(username="ana", password=SecretStr("hunter2-geheim")))


@pytest.fixture(autouse=True)
def handlers_put_back() -> Iterator[None]:
    """The root logger as it was."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for handler in list(root.handlers):
        root.removeHandler(handler)
        if handler not in before:
            handler.close()
    for handler in before:
        root.addHandler(handler)
    root.setLevel(level)


def test_the_log_file_is_private_and_holds_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path = log_to_file(SETTINGS, "console.log")
    logging.getLogger("v2g_console.test").warning("connecting as %s with %s", "ana", "hunter2-geheim")
    try:
        raise ValueError("hunter2-geheim is wrong")
    except ValueError:
        logging.getLogger("v2g_console.test").exception("refused")
    text = path.read_text("utf-8")
    assert "connecting as ana" in text
    assert "ValueError" in text
    assert "hunter2" not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
