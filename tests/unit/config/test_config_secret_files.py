"""Secrets in files, and the files of TLS."""

import os
from pathlib import Path

import pytest

from v2g_console.config.load import LoadedSettings, load
from v2g_console.config.origin import OriginKind
from v2g_console.config.problems import ConfigError

WITH_FILE = "mqtt: {auth_method: username_password, username: u, password_file: secret.txt}\n"


def loaded(folder: Path, text: str, **environ: str) -> LoadedSettings:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return load(path, environ)


def problems(folder: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text, **environ)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def secret(folder: Path, data: bytes, mode: int = 0o600) -> Path:
    path = folder / "secret.txt"
    path.write_bytes(data)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(("data", "value"), [(b"pa ss\n", "pa ss"), (b"pass\r\n", "pass"), (b"pass", "pass"), ("clé".encode(), "clé")])
def test_a_secret_is_the_line_of_its_file_without_the_lines_end(tmp_path: Path, data: bytes, value: str) -> None:
    path = secret(tmp_path, data)
    result = loaded(tmp_path, WITH_FILE)
    assert result.settings.mqtt.password.get_secret_value() == value
    assert (result.origins["mqtt.password"].kind, result.origins["mqtt.password"].name) == (OriginKind.SECRET_FILE, str(path))
    assert path in result.files
    assert result.warnings == ()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"\n", "the file is empty"),
        (b"one\ntwo\n", "more than one line"),
        (b"\xff\xfe", "not UTF-8 text"),
        (b"x" * 5000, "larger than 4096 bytes"),
    ],
)
def test_a_file_that_holds_no_secret_is_an_error(tmp_path: Path, data: bytes, reason: str) -> None:
    secret(tmp_path, data)
    assert problems(tmp_path, WITH_FILE) == [f"config.yaml:1 mqtt.password_file: expected a file with the secret, secret.txt: {reason}"]


def test_a_missing_secret_file_is_an_error(tmp_path: Path) -> None:
    assert problems(tmp_path, WITH_FILE)[0].endswith(
        "mqtt.password_file: expected a file with the secret, secret.txt: No such file or directory"
    )


def test_a_secret_given_twice_is_an_error_whoever_gives_it(tmp_path: Path) -> None:
    secret(tmp_path, b"x\n")
    both = "mqtt:\n  password: abc\n  password_file: secret.txt\n"
    assert problems(tmp_path, both) == [
        "config.yaml:3 mqtt.password_file: the secret is given twice, also as mqtt.password (config.yaml:2): keep one"
    ]
    assert problems(tmp_path, WITH_FILE, V2G__MQTT__PASSWORD="abc") == [
        "config.yaml:1 mqtt.password_file: the secret is given twice, also as mqtt.password (environment V2G__MQTT__PASSWORD): keep one"
    ]


def test_an_empty_password_beside_a_password_file_is_no_second_secret(tmp_path: Path) -> None:
    secret(tmp_path, b"x\n")
    assert loaded(tmp_path, "mqtt: {password: '', password_file: secret.txt}\n").settings.mqtt.password.get_secret_value() == "x"


def test_the_passphrase_of_the_key_comes_from_its_own_file(tmp_path: Path) -> None:
    secret(tmp_path, b"phrase\n")
    mqtt = loaded(tmp_path, "mqtt: {client_key_password_file: secret.txt}\n").settings.mqtt
    assert (mqtt.client_key_password.get_secret_value(), mqtt.password.get_secret_value()) == ("phrase", "")


def test_secrets_that_every_user_can_read_are_warned_about(tmp_path: Path) -> None:
    secret(tmp_path, b"x\n", 0o644)
    (tmp_path / "c.key").touch()
    (tmp_path / "c.key").chmod(0o604)
    path = tmp_path / "config.yaml"
    path.write_text("mqtt:\n  password_file: secret.txt\n  client_key_password: abc\n  client_key: c.key\n")
    path.chmod(0o644)
    assert [str(warning).replace(f"{tmp_path}/", "") for warning in load(path, {}).warnings] == [
        "config.yaml:2 mqtt.password_file: every user can read secret.txt: chmod 600",
        "config.yaml:3 mqtt.client_key_password: a secret in a file that every user can read: "
        "chmod 600, or use mqtt.client_key_password_file",
        "config.yaml:4 mqtt.client_key: every user can read c.key: chmod 600",
    ]


def test_certificate_files_that_cant_be_read_are_errors(tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir()
    assert problems(tmp_path, "mqtt:\n  ca_bundle: ca\n  client_cert: c.crt\n  client_key: c.key\n") == [
        "config.yaml:2 mqtt.ca_bundle: expected a readable file, ca: Is a directory",
        "config.yaml:3 mqtt.client_cert: expected a readable file, c.crt: No such file or directory",
        "config.yaml:4 mqtt.client_key: expected a readable file, c.key: No such file or directory",
    ]


def test_a_secret_may_come_through_a_pipe(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, b"from-a-vault\n")
        os.close(writing)
        mqtt = loaded(tmp_path, f"mqtt: {{password_file: /dev/fd/{reading}}}\n").settings.mqtt
    finally:
        os.close(reading)
    assert mqtt.password.get_secret_value() == "from-a-vault"


@pytest.mark.parametrize("key", ["password_file", "client_key_password_file", "client_cert", "client_key", "ca_bundle"])
def test_what_every_user_can_change_is_an_error(tmp_path: Path, key: str) -> None:
    secret(tmp_path, b"x\n", 0o602)
    assert problems(tmp_path, f"mqtt:\n  {key}: secret.txt\n") == [
        f"config.yaml:2 mqtt.{key}: every user can change secret.txt, and so choose whom we trust or who we are: chmod o-w"
    ]
