"""Files that the configuration names: secrets are read, certificates and keys must be readable."""

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from v2g_console.config.origin import DEFAULT, Given, Origin, OriginKind
from v2g_console.config.problems import Problem
from v2g_console.config.settings import MqttSettings

MAX_SECRET_BYTES: Final = 4096
SECRET_KEYS: Final = ("password", "client_key_password")


@dataclass(slots=True)
class FileFindings:
    """Secrets that were read, by key path, with the files they came from; problems and warnings."""

    secrets: dict[str, tuple[SecretStr, Origin]] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def check_files(mqtt: MqttSettings, given: Mapping[str, Given]) -> FileFindings:
    """Read the secret files and look whether the certificate files can be read. Only keys that were `given` are looked at."""
    found = FileFindings()
    for name in SECRET_KEYS:
        _read_secret(found, mqtt, given, name)
    for name in ("client_cert", "client_key", "ca_bundle"):
        path: Path | None = getattr(mqtt, name)
        if path is not None:
            _check_readable(found, f"mqtt.{name}", path, given)
    for name in ("client_cert", "client_key", "ca_bundle", "password_file", "client_key_password_file"):
        named: Path | None = getattr(mqtt, name)
        if named is not None and _mode(named) & stat.S_IWOTH:
            text = f"every user can change {named}, and so choose whom we trust or who we are: chmod o-w"
            found.problems.append(Problem(_origin(f"mqtt.{name}", given), f"mqtt.{name}", text))
    if mqtt.client_key is not None and _open_to_all(mqtt.client_key):
        found.warnings.append(
            Problem(_origin("mqtt.client_key", given), "mqtt.client_key", f"every user can read {mqtt.client_key}: chmod 600")
        )
    return found


def _origin(key: str, given: Mapping[str, Given]) -> Origin:
    return given[key].origin if key in given else DEFAULT


def _read_secret(found: FileFindings, mqtt: MqttSettings, given: Mapping[str, Given], name: str) -> None:
    key, file_key = f"mqtt.{name}", f"mqtt.{name}_file"
    inline: SecretStr = getattr(mqtt, name)
    path: Path | None = getattr(mqtt, f"{name}_file")
    if inline.get_secret_value() and key in given and _written_for_all_to_read(given[key].origin):
        found.warnings.append(Problem(given[key].origin, key, f"a secret in a file that every user can read: chmod 600, or use {file_key}"))
    if path is None:
        return
    origin = _origin(file_key, given)
    if inline.get_secret_value():
        found.problems.append(Problem(origin, file_key, f"the secret is given twice, also as {key} ({_origin(key, given)}): keep one"))
        return
    try:
        secret = _first_line(path)
    except (OSError, ValueError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        found.problems.append(Problem(origin, file_key, f"expected a file with the secret, {path}: {reason}"))
        return
    if _open_to_all(path):
        found.warnings.append(Problem(origin, file_key, f"every user can read {path}: chmod 600"))
    found.files.append(path)
    found.secrets[key] = SecretStr(secret), Origin(OriginKind.SECRET_FILE, str(path))


def _first_line(path: Path) -> str:
    """The secret in `path` without the line's end. Raises OSError, or ValueError for what can't be a secret."""
    with path.open("rb") as file:
        data = file.read(MAX_SECRET_BYTES + 1)
    if len(data) > MAX_SECRET_BYTES:
        raise ValueError(f"larger than {MAX_SECRET_BYTES} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text") from None
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise ValueError("the file is empty")
    if "\n" in secret:
        raise ValueError("more than one line")
    return secret


def _check_readable(found: FileFindings, key: str, path: Path, given: Mapping[str, Given]) -> None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        found.problems.append(Problem(_origin(key, given), key, f"expected a readable file, {path}: {error.strerror or error}"))


def _written_for_all_to_read(origin: Origin) -> bool:
    return origin.kind is OriginKind.FILE and _open_to_all(Path(origin.name))


def _open_to_all(path: Path) -> bool:
    return bool(_mode(path) & stat.S_IROTH)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        return 0  # what can't be looked at is reported where it is read
