"""Secrets in logs, however they are spelt there."""

import io
import json
import logging
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from v2g_console.config.redact import RedactingFilter, Redactor, learn_secret, redacted, secrets_of
from v2g_console.config.settings import MqttSettings, Settings

SECRET = 'p@ss "wört" \\ 1'


@pytest.mark.parametrize(
    "text",
    [
        f"password is {SECRET}.",
        f"mqtt://u:{quote(SECRET, safe='')}@host",
        json.dumps({"password": SECRET}),
        json.dumps({"password": SECRET}, ensure_ascii=False),
        f"{SECRET!r}",
    ],
)
def test_a_secret_is_masked_in_every_spelling(text: str) -> None:
    masked = Redactor([SECRET]).text(text)
    assert "***" in masked
    assert "ss" not in masked.replace("password", "")


def test_a_secret_that_starts_with_another_leaves_no_tail() -> None:
    assert Redactor(["hunter", "hunter2!"]).text("a hunter2! and a hunter") == "a *** and a ***"


def test_a_short_secret_is_masked_as_a_word_only() -> None:
    assert Redactor(["on"]).text("on a connection: 'on'") == "*** a connection: '***'"


def test_without_secrets_nothing_changes() -> None:
    assert Redactor(["", ""]).text("as it is") == "as it is"


@given(secret=st.text(min_size=4), before=st.text(), after=st.text())
def test_no_long_secret_survives(secret: str, before: str, after: str) -> None:
    masked = Redactor([secret]).text(before + secret + after)
    assert secret not in masked.replace("***", "") or secret in "***"


def test_the_secrets_of_settings_are_found() -> None:
    settings = Settings(mqtt=MqttSettings(password=SecretStr("one"), client_key_password=SecretStr("two")))
    assert set(secrets_of(settings)) == {"one", "two"}
    assert secrets_of(Settings()) == ()


def test_a_filter_masks_message_arguments_traceback_and_extra_fields() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactingFilter(Redactor(["hunter2"])))
    handler.setFormatter(logging.Formatter("%(message)s %(login)s %(count)s"))
    logger = logging.getLogger("v2g_console.test_redaction")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        try:
            raise ValueError("bad login hunter2")
        except ValueError:
            logger.exception("tried %s", "hunter2", extra={"login": {"user": "u", "password": "hunter2"}, "count": 3})
        logger.warning("plain %d", 5, extra={"login": None, "count": 4})
    finally:
        logger.removeHandler(handler)
    text = stream.getvalue()
    assert "hunter2" not in text
    assert text.startswith("tried *** {'user': 'u', 'password': '***'} 3\nTraceback")
    assert "ValueError: bad login ***" in text
    assert text.endswith("plain 5 None 4\n")


def test_a_secret_learned_later_is_masked_by_redactors_made_before() -> None:
    before = Redactor(["first-secret"])
    assert before.text("first-secret second-secret-x") == "*** second-secret-x"
    learn_secret("second-secret-x")
    assert before.text("first-secret second-secret-x") == "*** ***"
    assert redacted("it was second-secret-x") == "it was ***"


def test_settings_that_do_not_fit_are_told_without_what_was_written() -> None:
    with pytest.raises(ValidationError) as caught:
        MqttSettings.model_validate({"password": ["canary-in-a-list"], "qos": "canary-as-qos"})
    assert "canary" not in str(caught.value)
