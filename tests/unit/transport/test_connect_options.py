"""Settings that contradict each other are refused, in words, before anything is connected."""

import os
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from v2g_console.config.load import load
from v2g_console.config.settings import MqttSettings
from v2g_console.transport.aiomqtt_link import AiomqttLink
from v2g_console.transport.connect_options import TransportConfigError, checked_address, parse_broker, read_password
from v2g_console.transport.credentials import credential_files
from v2g_console.transport.tls import TlsMaterialError, build_tls

REMOTE_TLS = {"broker": "ssl://broker.example"}
USER = {"auth_method": "username_password", "username": "engine", "password": "s3cret"}


def settings(**values: Any) -> MqttSettings:
    return MqttSettings.model_validate(values)


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("tcp://broker.example", "broker.example", 1883, False),
        ("mqtt://10.0.0.1:2883", "10.0.0.1", 2883, False),
        ("ssl://broker.example", "broker.example", 8883, True),
        ("mqtts://[::1]:1", "::1", 1, True),
    ],
)
def test_addresses(url: str, host: str, port: int, tls: bool) -> None:
    address = parse_broker(url)
    assert (address.host, address.port, address.tls) == (host, port, tls)


@pytest.mark.parametrize(
    "url", ["", "broker", "http://x", "tcp://", "tcp://x:99999", "tcp://x:0", "tcp://x:abc", "tcp://u:p@x", "tcp://x/path", "tcp://[::1"]
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(TransportConfigError, match=r"mqtt\.broker"):
        parse_broker(url)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"use_tls": True}, "write ssl://127.0.0.1:1883"),
        ({"username": "engine"}, "say username_password"),
        ({"password": "x"}, "say username_password"),
        ({"auth_method": "username_password"}, "mqtt.username is missing"),
        ({"auth_method": "username_password", "username": "engine"}, "password_file"),
        (USER | {"broker": "tcp://broker.example"}, "in the clear"),
        (USER | {"broker": "tcp://10.1.2.3"}, "in the clear"),
        ({"auth_method": "tls"}, "it needs ssl://"),
        (REMOTE_TLS | {"auth_method": "tls"}, "client_cert and mqtt.client_key are both needed"),
        (REMOTE_TLS | {"auth_method": "tls", "client_cert": "/c", "client_key": "/k", "username": "u"}, "say both"),
        (REMOTE_TLS | {"client_cert": "/c"}, "say tls"),
        (REMOTE_TLS | USER | {"client_cert": "/c"}, "say both"),
        ({"ca_bundle": "/ca.pem"}, "use ssl://"),
        (USER | {"password": "", "password_file": "/nonexistent"}, "can't read /nonexistent"),
    ],
)
def test_contradictions(values: dict[str, Any], words: str) -> None:
    with pytest.raises(TransportConfigError) as refusal:
        checked_address(settings(**values))
    assert words in str(refusal.value)
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"use_tls": True, "broker": "ssl://broker.example"},
        USER | {"broker": "tcp://localhost"},
        USER | {"broker": "tcp://127.9.9.9"},
        USER | REMOTE_TLS,
        USER | {"broker": "tcp://broker.example", "allow_plaintext_credentials": True},
        REMOTE_TLS | USER | {"auth_method": "both", "client_cert": "/c", "client_key": "/k"},
    ],
)
def test_settings_that_agree(values: dict[str, Any]) -> None:
    assert checked_address(settings(**values)).port > 0


def test_the_password_file_is_read_each_time_without_its_line_end(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(" one \n")
    mqtt = settings(auth_method="username_password", username="engine", password_file=secret)
    assert read_password(mqtt) == " one "
    secret.write_text("two")
    assert read_password(mqtt) == "two"


def test_a_link_refuses_contradictions_when_it_is_made() -> None:
    with pytest.raises(TransportConfigError):
        AiomqttLink(settings(username="engine"), (), lambda topic, payload, retained: None, lambda health: None)


def test_secrets_that_the_loader_read_from_files_are_not_taken_for_given_twice(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("one\n")
    (tmp_path / "config.yaml").write_text("mqtt:\n  auth_method: username_password\n  username: engine\n  password_file: password\n")
    mqtt = load(tmp_path / "config.yaml", {}).settings.mqtt
    assert mqtt.password.get_secret_value() == "one", "known to whoever redacts"
    assert checked_address(mqtt).port == 1883
    (tmp_path / "password").write_text("two\n")
    assert read_password(mqtt) == "two", "the file is what counts"


def test_a_password_that_came_through_a_pipe_is_not_looked_for_there_again(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    mqtt = settings(auth_method="username_password", username="engine", password_file=pipe, password="from-a-vault")
    assert read_password(mqtt) == "from-a-vault"
    assert credential_files(mqtt) == ()


class Material:
    """A certificate, its key and its CA on disk."""

    def __init__(self, directory: Path) -> None:
        self.authority = trustme.CA()
        leaf = self.authority.issue_cert("engine.test", common_name="engine")
        self.directory = directory
        self.values: dict[str, Any] = {"broker": "ssl://broker.example", "auth_method": "tls"}
        self.values["client_cert"] = self.write("cert.pem", leaf.cert_chain_pems[0].bytes())
        self.values["client_key"] = self.write("key.pem", leaf.private_key_pem.bytes())
        self.values["ca_bundle"] = self.write("ca.pem", self.authority.cert_pem.bytes())
        self.values["client_key"].chmod(0o600)

    def write(self, name: str, data: bytes) -> Path:
        path = self.directory / name
        path.write_bytes(data)
        return path

    def fault(self, **changes: Any) -> str:
        with pytest.raises(TlsMaterialError) as refusal:
            build_tls(settings(**(self.values | changes)))
        return str(refusal.value)


def test_a_context_never_trusts_less_than_it_should(tmp_path: Path) -> None:
    material = Material(tmp_path)
    for values in (material.values, REMOTE_TLS):
        context = build_tls(settings(**values)).context
        assert context.check_hostname
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert len(build_tls(settings(**material.values)).context.get_ca_certs()) == 1


def test_own_certificate_is_checked_and_its_days_counted(tmp_path: Path) -> None:
    material = Material(tmp_path)
    mqtt = settings(**material.values)
    days = build_tls(mqtt).days_left(time.time())
    assert days is not None
    assert build_tls(mqtt).warnings == ()
    assert build_tls(mqtt, now_s=time.time() + (days - 10) * 86_400).days_left(time.time()) == pytest.approx(days, abs=0.01)
    with pytest.raises(TlsMaterialError, match="expired on"):
        build_tls(mqtt, now_s=time.time() + (days + 1) * 86_400)
    with pytest.raises(TlsMaterialError, match="valid only from"):
        build_tls(mqtt, now_s=0.0)


def test_a_key_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    material = Material(tmp_path)
    material.values["client_key"].chmod(0o644)
    assert "chmod 600" in build_tls(settings(**material.values)).warnings[0]


def test_faulty_material_is_named(tmp_path: Path) -> None:
    material = Material(tmp_path)
    other_key = material.write("other.pem", material.authority.issue_cert("x.test").private_key_pem.bytes())
    rubbish = material.write("rubbish.pem", b"-----BEGIN RUBBISH-----\n\x00")
    missing = tmp_path / "missing.pem"
    assert "other.pem is not the key of" in material.fault(client_key=other_key)
    assert "holds no PEM private key" in material.fault(client_key=rubbish)
    assert "holds no PEM certificate" in material.fault(client_cert=rubbish)
    assert "mqtt.ca_bundle" in material.fault(ca_bundle=rubbish)
    for key in ("client_cert", "client_key", "ca_bundle"):
        assert f"mqtt.{key}: can't read {missing}" in material.fault(**{key: missing})


def test_an_encrypted_key_needs_its_password(tmp_path: Path) -> None:
    material = Material(tmp_path)
    key = serialization.load_pem_private_key(material.values["client_key"].read_bytes(), None)
    encrypted = material.write(
        "encrypted.pem",
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"open sesame")
        ),
    )
    encrypted.chmod(0o600)
    assert "is encrypted, set mqtt.client_key_password_file" in material.fault(client_key=encrypted)
    assert "password is wrong" in material.fault(client_key=encrypted, client_key_password="open rice")
    assert build_tls(settings(**(material.values | {"client_key": encrypted, "client_key_password": "open sesame"}))).warnings == ()
