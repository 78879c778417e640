"""Load the configuration: file, environment and secret files merged, every problem found at once, the origin of every value kept."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from v2g_console.config.broker_url import parse_broker_url
from v2g_console.config.checks import contradictions, doubts
from v2g_console.config.file_checks import FileFindings, check_files
from v2g_console.config.finding import Finding
from v2g_console.config.keys import KEYS, keys_below, nearest, of_any_entry
from v2g_console.config.locate import find_config
from v2g_console.config.origin import DEFAULT, Origin, OriginKind
from v2g_console.config.problems import ConfigError, ConfigMissingError, Problem
from v2g_console.config.settings import Settings
from v2g_console.config.typed import Typed, typed
from v2g_console.config.values import Values, from_environment, from_file
from v2g_console.config.yaml_file import read_yaml

_KIND_ORDER: Final = (OriginKind.FILE, OriginKind.SECRET_FILE, OriginKind.ENVIRONMENT, OriginKind.IMPLIED, OriginKind.DEFAULT)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings that can be used. `origins` has every key path, also those of the entries of lists (`grid.nodes[2].import_kw`); secrets are
    read into `settings`; `files` are those that were read."""

    settings: Settings
    origins: Mapping[str, Origin]
    files: tuple[Path, ...]
    warnings: tuple[Problem, ...]


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> LoadedSettings:
    """Load `path`, or the file that `find_config` finds. Raises ConfigError with every problem, or ConfigMissingError."""
    file = path if path is not None else find_config(environ)
    from_variables = from_environment(environ)
    try:
        values = from_file(read_yaml(file))
    except ConfigError as error:
        raise ConfigError((*error.problems, *from_variables.problems)) from None
    return _finished(_merged(values, from_variables), (file,))


def load_for_client(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """What a command to a running engine needs (its socket, the exit code's limit), with defaults in place of all that is wrong elsewhere.

    `stop` must work beside a half-edited or protected file, so secrets aren't read and only problems of the `socket` section count.
    Raises ConfigError for those, or if `path` is given and can't be read.
    """
    values = Values()
    try:
        values = from_file(read_yaml(path if path is not None else find_config(environ)))
    except (ConfigError, ConfigMissingError):
        if path is not None:
            raise
    merged = _merged(values, from_environment(environ))
    result = typed(merged.given, merged.entries)
    in_socket = [problem for problem in (*merged.problems, *result.problems) if problem.key.partition(".")[0] == "socket"]
    if in_socket:
        raise ConfigError(in_socket)
    return result.settings


def _merged(lower: Values, upper: Values) -> Values:
    """Both together; where both give a key, `upper` wins."""
    return Values(
        lower.given | upper.given, lower.entries | upper.entries, lower.problems + upper.problems, [*lower.warnings, *upper.warnings]
    )


def _finished(values: Values, files: tuple[Path, ...]) -> LoadedSettings:
    result = typed(values.given, values.entries)
    found = check_files(result.settings.mqtt, values.given)
    # What a misspelt key probably meant counts as broken too: its default may contradict the rest.
    broken = result.broken.union(*((problem.key, nearest(problem.key) or "") for problem in values.problems))
    broken |= {of_any_entry(key) for key in broken}
    rules = contradictions(result.settings, values.given.keys())
    problems = [*values.problems, *result.problems, *found.problems, *_placed(rules, values, broken)]
    if problems:
        raise ConfigError(sorted(problems, key=_reading_order))
    doubtful = _placed(doubts(result.settings, values.given.keys()), values, frozenset())
    return _loaded(result, values, found, files, (*values.warnings, *found.warnings, *doubtful))


def _loaded(result: Typed, values: Values, found: FileFindings, files: tuple[Path, ...], warnings: Iterable[Problem]) -> LoadedSettings:
    of_entries = (key.path for entry in values.entries if entry not in KEYS for key in keys_below(entry))
    origins = {key: _origin(key, values) for key in (*KEYS, *of_entries)}
    changes: dict[str, object] = {}
    for key, (secret, origin) in found.secrets.items():
        changes[key.removeprefix("mqtt.")] = secret
        origins[key] = origin
    mqtt = result.settings.mqtt
    if parse_broker_url(mqtt.broker).tls and not mqtt.use_tls:
        changes["use_tls"] = True
        origins["mqtt.use_tls"] = Origin(OriginKind.IMPLIED, "mqtt.broker")
    settings = result.settings.model_copy(update={"mqtt": mqtt.model_copy(update=changes)})
    return LoadedSettings(settings, origins, (*files, *found.files), tuple(sorted(warnings, key=_reading_order)))


def _origin(key: str, values: Values) -> Origin:
    return values.given[key].origin if key in values.given else values.entries.get(key, DEFAULT)


def _placed(findings: Iterable[Finding], values: Values, broken: frozenset[str]) -> list[Problem]:
    """Findings with their place; one that rests on a value which is wrong by itself would only confuse and is left out."""
    problems = []
    for finding in findings:
        keys = (finding.key, *finding.also)
        if not any(broken.intersection(_with_sections(key)) for key in keys):
            origin = next((values.given[key].origin for key in keys if key in values.given), None) or _first_below(finding.key, values)
            problems.append(Problem(origin, finding.key, finding.message))
    return problems


def _with_sections(key: str) -> Iterator[str]:
    """`key` and the sections it is in: a value can't be right in a section that is wrong as a whole."""
    while key:
        yield key
        key = key.rpartition(".")[0]


def _first_below(section: str, values: Values) -> Origin:
    return next((item.origin for key, item in values.given.items() if key.startswith(f"{section}.")), DEFAULT)


def _reading_order(problem: Problem) -> tuple[int, int]:
    return _KIND_ORDER.index(problem.origin.kind), problem.origin.line
