"""Certificates, keys, CAs and passwords that change under a running engine, on a real mosquitto."""

import datetime
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.broker.brokers import DEPLOY, Broker, TlsFiles, mosquitto_hash, start_mosquitto
from tests.broker.conftest import write_certificate
from tests.broker.links import Links, TestLink, eventually
from tests.broker.test_dispatch import CarV1, Room, room
from v2g_console.config.settings import MqttSettings
from v2g_console.contract.events import AlarmCleared, AlarmRaised, DispatchActive, DispatchCompleted, DispatchEnded
from v2g_console.contract.link import LinkCause, LinkState
from v2g_console.contract.requests import Dispatch, Update
from v2g_console.runtime import services
from v2g_console.transport import renewal
from v2g_console.transport.aiomqtt_link import AiomqttLink
from v2g_console.transport.port import PublishOutcome

pytestmark = pytest.mark.mosquitto

PROMPTLY: dict[str, Any] = {"look_s": 0.05}


@pytest.fixture(autouse=True)
def soon_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vehicles on this machine answer at once, so a shorter pause shows that nothing is under way."""
    monkeypatch.setattr(renewal, "QUIET_S", 0.3)


class Identity:
    """A client's files, which can be written again."""

    def __init__(self, authority: trustme.CA, broker_ca: Path, folder: Path, name: str) -> None:
        self.authority, self.name, self.folder = authority, name, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.files = self.issue(days=90)
        shutil.copy(broker_ca, self.files.ca)

    def issue(self, days: float, authority: trustme.CA | None = None) -> TlsFiles:
        """Write a new certificate and key that last so long. The CA file stays."""
        ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
        signer = authority or self.authority
        certificate = signer.issue_cert(f"{self.name}.test", common_name=self.name, not_after=ends)
        kept = self.folder / "kept-ca.pem"
        ca = self.folder / "ca.pem"
        if ca.exists():
            shutil.copy(ca, kept)
        files = write_certificate(signer, certificate, self.folder)
        if kept.exists():
            shutil.copy(kept, ca)
        return files

    @property
    def mqtt(self) -> dict[str, Any]:
        """For the `mqtt` section."""
        return {
            "client_id": self.name,
            "auth_method": "tls",
            "use_tls": True,
            "ca_bundle": self.files.ca,
            "client_cert": self.files.certificate,
            "client_key": self.files.key,
        }


@pytest.fixture
def mutual(server_files: TlsFiles, tmp_path: Path) -> Iterator[Broker]:
    """mosquitto that knows its clients by certificate, with the ACL that we ship."""
    broker = start_mosquitto(tmp_path / "broker", tls=server_files, require_certificate=True, acl=DEPLOY / "acl")
    yield broker
    broker.stop()


@pytest.fixture
def engine_identity(authority: trustme.CA, server_files: TlsFiles, tmp_path: Path) -> Identity:
    """The engine's files."""
    return Identity(authority, server_files.ca, tmp_path / "engine", "v2g-console")


async def alarm(control: Room, event: type, kind: str) -> Any:
    """The next event of an alarm's kind."""
    while True:
        told = await control.until(event)
        if told.kind == kind:
            return told


async def test_a_renewed_certificate_is_used_at_once_and_a_running_dispatch_goes_on(
    authority: trustme.CA,
    server_files: TlsFiles,
    mutual: Broker,
    engine_identity: Identity,
    links: Links,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services, "AiomqttLink", partial(AiomqttLink, **PROMPTLY))
    engine_identity.issue(days=5.5)
    cars = []
    for letter in "abc":
        identity = Identity(authority, server_files.ca, tmp_path / f"veh-{letter}", f"veh-{letter}").mqtt
        cars.append(await CarV1.up(links, mutual.url, identity.pop("client_id"), identity))
    async with room(MqttSettings.model_validate({"broker": mutual.url, **engine_identity.mqtt})) as control:
        await control.fleet_of(3)
        raised = await alarm(control, AlarmRaised, "certificate_expiring")
        assert raised.text == "our client certificate expires in 5.5 days"
        await control.ask(Dispatch(signal="MA", power_kw=9.0, duration_s=4.0))
        active = await control.until(DispatchActive)

        engine_identity.issue(days=300)
        await control.until_link(lambda link: link.reconnects == 1 and link.state is LinkState.UP)
        link = await control.link()
        assert link.client_certificate_days == pytest.approx(300, abs=0.1)
        assert link.cause is LinkCause.RENEWED
        assert (link.credentials_fault, link.publish_failed) == ("", 0)
        assert [len(car.commands) for car in cars] == [1, 1, 1], "nothing was sent twice"
        await alarm(control, AlarmCleared, "certificate_expiring")

        await control.ask(Update(dispatch_id=active.dispatch_id, power_kw=6.0))
        ended = await control.until(DispatchEnded)
        assert isinstance(ended, DispatchCompleted)
        assert (ended.acked, ended.silent, ended.released, ended.owed) == (3, 0, 3, 0)
        assert not [event for event in control.told if isinstance(event, AlarmRaised) and event.kind == "link_lost"]
    await links.close()


async def test_rubbish_in_the_files_raises_an_alarm_and_the_old_certificate_outlives_a_broker_restart(
    mutual: Broker, engine_identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "AiomqttLink", partial(AiomqttLink, **PROMPTLY))
    mqtt = MqttSettings.model_validate({"broker": mutual.url, "backoff_ms": 20.0, **engine_identity.mqtt})
    async with room(mqtt) as control:
        await control.until_link(lambda link: link.state is LinkState.UP)
        engine_identity.files.key.write_text("half of a ke")
        raised = await alarm(control, AlarmRaised, "credentials_not_used")
        assert raised.text == f"mqtt.client_key: {engine_identity.files.key} holds no PEM private key"
        assert (await control.link()).reconnects == 0
        mutual.kill()
        await control.until_link(lambda link: link.state is LinkState.DOWN)
        mutual.restart()
        await control.until_link(lambda link: link.state is LinkState.UP)
        assert (await control.link()).credentials_fault
        engine_identity.issue(days=200)
        await alarm(control, AlarmCleared, "credentials_not_used")
        await control.until_link(lambda link: link.reconnects == 2 and link.state is LinkState.UP)


async def renewed(link: TestLink, times: int) -> None:
    """The link has come up again so often."""
    await eventually(lambda: link.health.reconnects == times and link.health.state is LinkState.UP, f"reconnection {times}")


async def test_a_certificate_that_the_broker_refuses_gives_way_to_the_one_before(
    other_authority: trustme.CA, mutual: Broker, engine_identity: Identity, links: Links
) -> None:
    engine = await links.up(mutual.url, "vehicle/+/ack", options=PROMPTLY, **engine_identity.mqtt)
    engine_identity.issue(days=100, authority=other_authority)
    await eventually(lambda: engine.health.credentials_fault)
    assert "client certificate" in engine.health.credentials_fault
    await renewed(engine, 1)
    assert engine.health.client_certificate_days == pytest.approx(90, abs=0.1)
    assert any("changed credentials are not used" in warning for warning in engine.health.warnings)
    assert await engine.send("vehicle/veh-a/command") is PublishOutcome.NO_SUBSCRIBER
    engine_identity.issue(days=100)
    await renewed(engine, 2)
    assert engine.health.credentials_fault == ""
    assert engine.health.client_certificate_days == pytest.approx(100, abs=0.1)
    await links.close()


async def test_a_ca_that_does_not_know_the_broker_gives_way_to_the_one_before(
    other_authority: trustme.CA, mutual: Broker, engine_identity: Identity, links: Links
) -> None:
    engine = await links.up(mutual.url, options=PROMPTLY, **engine_identity.mqtt)
    good = engine_identity.files.ca.read_bytes()
    engine_identity.files.ca.write_bytes(other_authority.cert_pem.bytes())
    await eventually(lambda: "mqtt.ca_bundle" in engine.health.credentials_fault)
    await renewed(engine, 1)
    engine_identity.files.ca.write_bytes(other_authority.cert_pem.bytes() + good)
    await renewed(engine, 2)
    assert engine.health.credentials_fault == ""
    await links.close()


async def test_a_password_is_replaced_on_both_sides_in_either_order(links: Links, tmp_path: Path) -> None:
    broker = start_mosquitto(tmp_path / "broker", users={"engine": "first"})
    secret = tmp_path / "password"
    secret.write_text("first\n")
    given = {"auth_method": "username_password", "username": "engine", "password_file": secret}
    try:
        engine = await links.up(broker.url, options=PROMPTLY, **given)
        secret.write_text("second\n")  # the engine's side first: the broker does not know it yet
        await eventually(lambda: "its password" in engine.health.credentials_fault)
        await renewed(engine, 1)
        assert "second" not in engine.health.credentials_fault
        (tmp_path / "broker" / "passwords").write_text(f"engine:{mosquitto_hash('second')}\n")
        broker.kill()
        broker.restart()  # whoever was connected must connect again: the password from before does not do any more
        await renewed(engine, 2)
        assert engine.health.credentials_fault == ""
    finally:
        await links.close()
        broker.stop()
