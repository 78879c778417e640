"""Brokers, a throw-away certificate authority, and links that are closed at the end."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trustme

from tests.broker.brokers import Broker, TlsFiles, start_mosquitto, start_nats
from tests.broker.links import Links


@pytest.fixture(params=["mosquitto-5", "mosquitto-3.1.1", "nats"])
def flavour(request: pytest.FixtureRequest) -> str:
    """Which broker, and which MQTT version it is spoken to in."""
    return str(request.param)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "mosquitto-" in item.name or "mosquitto" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.mosquitto)


@pytest.fixture
def broker(flavour: str, tmp_path: Path) -> Iterator[Broker]:
    """A plain broker of the flavour in turn."""
    started = start_nats(tmp_path) if flavour == "nats" else start_mosquitto(tmp_path)
    yield started
    started.stop()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    """mosquitto with our tuning, without TLS or users."""
    started = start_mosquitto(tmp_path)
    yield started
    started.stop()


@pytest.fixture
async def links(request: pytest.FixtureRequest) -> AsyncIterator[Links]:
    """Makes links to brokers and closes them at the end."""
    protocol = (
        {"mosquitto-5": "5", "mosquitto-3.1.1": "3.1.1"}.get(str(request.node.callspec.params.get("flavour", "")), "auto")
        if hasattr(request.node, "callspec")
        else "auto"
    )
    made = Links(protocol)
    yield made
    await made.close()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Signs what the tests trust."""
    return trustme.CA()


@pytest.fixture(scope="session")
def other_authority() -> trustme.CA:
    """Signs what nobody trusts."""
    return trustme.CA()


@pytest.fixture(scope="session")
def server_files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """The broker's certificate, for localhost and 127.0.0.1."""
    return write_certificate(authority, authority.issue_cert("localhost", "127.0.0.1"), tmp_path_factory.mktemp("server"))


def write_certificate(authority: trustme.CA, certificate: trustme.LeafCert, directory: Path) -> TlsFiles:
    """Certificate, key and CA as files; the key readable by the owner only."""
    files = TlsFiles(directory / "cert.pem", directory / "key.pem", directory / "ca.pem")
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    files.key.write_bytes(certificate.private_key_pem.bytes())
    files.key.chmod(0o600)
    authority.cert_pem.write_to_path(str(files.ca))
    return files
