"""Known secrets masked wherever text leaves the program: logs, errors, crash reports."""

import json
import logging
import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final
from urllib.parse import quote

from pydantic import SecretStr

from v2g_console.config.explain import REDACTED, keys_of, value_at
from v2g_console.config.keys import Kind
from v2g_console.config.settings import Settings

_SHORT: Final = 4
_PLAIN_RECORD: Final = frozenset(vars(logging.makeLogRecord({})))


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """The secrets in `settings`, without the empty ones."""
    values = (value_at(settings, key.path) for key in keys_of(settings) if key.kind is Kind.SECRET)
    return tuple(value.get_secret_value() for value in values if isinstance(value, SecretStr) and value.get_secret_value())


class Redactor:
    """Masks secrets in text, also as they look in a URL, JSON or a Python literal. One of under four characters only as a whole word."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = frozenset(filter(None, secrets))
        self._learned = 0  # how many of `_LEARNED` are in the pattern
        self._pattern = _pattern_of(self._secrets)

    def text(self, text: str) -> str:
        """`text` with every secret replaced, also those that were learned meanwhile."""
        if self._learned != len(_LEARNED):
            learned = tuple(_LEARNED)  # one step: another thread may be learning
            self._learned, self._pattern = len(learned), _pattern_of(self._secrets.union(learned))
        return self._pattern.sub(REDACTED, text) if self._pattern else text


_LEARNED: Final[dict[str, None]] = {}
"""For the whole process, since every handler and every report must know: secrets found in files after the start. Only ever grows."""


def learn_secret(secret: str | None) -> None:
    """From now on mask `secret` too, wherever text is redacted: a password file was changed under the running engine."""
    if secret:
        _LEARNED[secret] = None


def learn_secrets(settings: Settings) -> None:
    """`learn_secret` for all that are in `settings`."""
    for secret in secrets_of(settings):
        learn_secret(secret)


def redacted(text: str) -> str:
    """`text` without any secret that this process has learned."""
    return _OF_THE_PROCESS.text(text)


def _pattern_of(secrets: AbstractSet[str]) -> re.Pattern[str] | None:
    spellings = {spelling for secret in secrets for spelling in _spellings(secret)}
    # Longest first: a secret that starts with another one must not leave its tail behind.
    parts = [_pattern(spelling) for spelling in sorted(spellings, key=len, reverse=True)]
    return re.compile("|".join(parts)) if parts else None


class RedactingFilter(logging.Filter):
    """Masks secrets in message, traceback and extra fields of log records. Put it on handlers: loggers don't filter for children."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor
        self._formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Change `record` in place; always keeps it."""
        record.msg, record.args = self._redactor.text(record.getMessage()), None
        if record.exc_info:
            text = record.exc_text or self._formatter.formatException(record.exc_info)
            record.exc_text, record.exc_info = self._redactor.text(text), None
        if record.stack_info:
            record.stack_info = self._redactor.text(record.stack_info)
        for name in vars(record).keys() - _PLAIN_RECORD:
            value = getattr(record, name)
            if not isinstance(value, int | float | bool | None):
                setattr(record, name, self._redactor.text(value if isinstance(value, str) else repr(value)))
        return True


def _spellings(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}


def _pattern(spelling: str) -> str:
    escaped = re.escape(spelling)
    return rf"(?<!\w){escaped}(?!\w)" if len(spelling) < _SHORT else escaped


_OF_THE_PROCESS: Final = Redactor(())
