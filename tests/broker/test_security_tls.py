"""Old TLS, wrong names and certificates that end while the engine runs."""

import datetime
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.broker.brokers import TlsFiles, start_mosquitto
from tests.broker.conftest import write_certificate
from tests.broker.links import Links, eventually
from v2g_console.contract.link import LinkCause, LinkState
from v2g_console.transport.tls import DAY_S


class OldServer:
    """Speaks TLS up to 1.1 and nothing newer."""

    def __init__(self, files: TlsFiles) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.set_ciphers("ALL:@SECLEVEL=0")
        self.context.load_cert_chain(files.certificate, files.key)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
            self.context.minimum_version = ssl.TLSVersion.TLSv1
            self.context.maximum_version = ssl.TLSVersion.TLSv1_1
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                accepted, _ = self.socket.accept()
            except OSError:
                return
            accepted.settimeout(5)
            try:
                self.context.wrap_socket(accepted, server_side=True).close()
            except OSError:
                accepted.close()

    def close(self) -> None:
        """Stop listening."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(5)


@pytest.fixture
def old_server(server_files: TlsFiles) -> Iterator[OldServer]:
    """A broker that was never updated."""
    server = OldServer(server_files)
    yield server
    server.close()


async def test_a_broker_that_knows_only_tls_1_1_is_refused_and_told_so(old_server: OldServer, server_files: TlsFiles, links: Links) -> None:
    engine = links.make(f"ssl://127.0.0.1:{old_server.port}", use_tls=True, ca_bundle=server_files.ca)
    await engine.link.start()
    await eventually(lambda: engine.health.cause is not LinkCause.NONE)
    assert engine.health.cause is LinkCause.TLS
    assert "offers no TLS version of 1.2 or above: update the broker" in engine.health.cause_text
    await links.close()


@pytest.mark.mosquitto
async def test_days_left_are_counted_while_the_link_stays_up_and_an_ended_certificate_is_named(
    authority: trustme.CA, links: Links, tmp_path: Path
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    for name in ("broker-files", "own"):
        (tmp_path / name).mkdir()
    ends = {"broker-files": now + datetime.timedelta(days=30), "own": now + datetime.timedelta(days=20)}
    served = write_certificate(authority, authority.issue_cert("localhost", not_after=ends["broker-files"]), tmp_path / "broker-files")
    own = write_certificate(authority, authority.issue_cert("engine.test", common_name="engine", not_after=ends["own"]), tmp_path / "own")
    broker = start_mosquitto(tmp_path / "broker", tls=served, require_certificate=True)
    shift_s = [0.0]
    try:
        engine = await links.up(
            f"ssl://localhost:{broker.port}",
            options={"utc": lambda: time.time() + shift_s[0]},
            auth_method="tls",
            use_tls=True,
            ca_bundle=served.ca,
            client_cert=own.certificate,
            client_key=own.key,
            certificate_warn_days=15,
        )
        assert engine.health.client_certificate_days == pytest.approx(20, abs=0.1)
        assert engine.health.broker_certificate_days == pytest.approx(30, abs=0.1)
        assert not engine.health.warnings
        shift_s[0] = 6 * DAY_S
        assert engine.health.certificate_days == pytest.approx(14, abs=0.1)
        assert f"our certificate {own.certificate} expires in 14.0 days" in engine.health.warnings
        shift_s[0] = 21 * DAY_S
        assert engine.health.state is LinkState.UP, "what is established goes on"
        broker.kill()
        broker.restart()
        await eventually(lambda: "expired on" in engine.health.cause_text)
        assert engine.health.cause is LinkCause.TLS
        assert "install a new one" in engine.health.cause_text
    finally:
        await links.close()
        broker.stop()
