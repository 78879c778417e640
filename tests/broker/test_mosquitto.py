"""What only mosquitto shows: MQTT 5 reasons and expiry, users, TLS and the ACL file that we ship."""

import asyncio
import datetime
from pathlib import Path

import aiomqtt
import pytest
import trustme

from tests.broker.brokers import DEPLOY, Broker, TlsFiles, free_port, start_mosquitto
from tests.broker.conftest import write_certificate
from tests.broker.links import Links, TestLink, eventually
from v2g_console.contract.link import LinkCause, LinkState
from v2g_console.transport.codec import encode_ack, encode_offline
from v2g_console.transport.port import Outgoing, PublishOutcome
from v2g_console.transport.tls import TlsMaterialError
from v2g_console.transport.wire import Ack

pytestmark = pytest.mark.mosquitto


async def fails_with(link: TestLink, cause: LinkCause, words: str) -> None:
    """The link does not come up, for this cause and with these words."""
    await link.link.start()
    await eventually(lambda: link.health.cause is not LinkCause.NONE)
    assert (link.health.cause, words in link.health.cause_text) == (cause, True), link.health.cause_text
    assert link.health.state is not LinkState.UP


async def test_expiry_travels_with_the_message(mosquitto: Broker, links: Links) -> None:
    engine = await links.up(mosquitto.url)
    async with aiomqtt.Client("127.0.0.1", mosquitto.port, protocol=aiomqtt.ProtocolVersion.V5) as vehicle:
        await vehicle.subscribe("vehicle/v1/command", qos=1)
        for qos in (0, 1, 2):
            assert await engine.send("vehicle/v1/command", b"{}", qos, expiry_s=59.2) is PublishOutcome.SENT
            message = await anext(vehicle.messages)
            assert message.properties is not None
            assert 58 <= getattr(message.properties, "MessageExpiryInterval", 0) <= 60
            assert not message.retain


async def test_a_vehicle_that_is_away_is_known_at_once(mosquitto: Broker, links: Links) -> None:
    engine = await links.up(mosquitto.url)
    assert await engine.send("vehicle/away/command") is PublishOutcome.NO_SUBSCRIBER
    assert engine.health.no_subscriber == 1


async def test_an_untuned_broker_is_named_and_ours_is_not(mosquitto: Broker, links: Links, tmp_path: Path) -> None:
    tuned = await links.up(mosquitto.url)
    assert tuned.health.receive_maximum == 1000
    assert tuned.health.warnings == ()
    plain = start_mosquitto(tmp_path / "untuned", tuned=False)
    try:
        untuned = await links.up(plain.url)
        assert untuned.health.receive_maximum == 20
        assert "untuned" in untuned.health.warnings[0]
        await untuned.link.close()
    finally:
        plain.stop()


async def test_nobody_listening_and_an_unknown_host(links: Links) -> None:
    await fails_with(links.make(f"tcp://127.0.0.1:{free_port()}"), LinkCause.REFUSED, "nothing listens")
    await fails_with(links.make("tcp://broker.invalid:1883"), LinkCause.UNREACHABLE, "broker.invalid is not known")


async def test_a_wrong_password_is_named_and_a_corrected_file_is_read_again(links: Links, tmp_path: Path) -> None:
    broker = start_mosquitto(tmp_path, users={"engine": "right horse"})
    secret = tmp_path / "password"
    secret.write_text("wrong\n")
    try:
        engine = links.make(broker.url, auth_method="username_password", username="engine", password_file=str(secret))
        await fails_with(engine, LinkCause.AUTH, "password")
        assert "wrong" not in engine.health.cause_text
        secret.write_text("right horse\n")
        assert await engine.link.wait_up(20)
        await engine.link.close()
    finally:
        broker.stop()


async def test_tls_with_our_authority(server_files: TlsFiles, links: Links, tmp_path: Path) -> None:
    broker = start_mosquitto(tmp_path, tls=server_files)
    try:
        vehicle = await links.up(broker.url, "vehicle/+/command", use_tls=True, ca_bundle=server_files.ca)
        engine = await links.up(f"mqtts://localhost:{broker.port}", ca_bundle=server_files.ca)
        assert engine.health.tls_version in ("TLSv1.2", "TLSv1.3")
        assert engine.health.certificate_days is not None
        assert engine.health.certificate_days > 14
        large = b"x" * 60_000
        for _ in range(40):
            await engine.send("vehicle/v1/command", large)
        await eventually(lambda: len(vehicle.messages) == 40)
        await vehicle.link.close()
        await engine.link.close()
    finally:
        broker.stop()


async def test_broker_certificates_that_must_not_be_trusted(
    authority: trustme.CA, other_authority: trustme.CA, server_files: TlsFiles, links: Links, tmp_path: Path
) -> None:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)
    certificates = {
        "localhost": write_certificate(authority, authority.issue_cert("localhost"), _made(tmp_path / "name")),
        "expired": write_certificate(
            authority,
            authority.issue_cert("127.0.0.1", not_before=past - datetime.timedelta(days=9), not_after=past),
            _made(tmp_path / "expired"),
        ),
        "other": write_certificate(other_authority, other_authority.issue_cert("127.0.0.1"), _made(tmp_path / "other")),
    }
    words = {"localhost": "not for 127.0.0.1", "expired": "has expired", "other": "mqtt.ca_bundle"}
    for name, files in certificates.items():
        broker = start_mosquitto(tmp_path / f"broker-{name}", tls=files)
        try:
            engine = links.make(broker.url, ca_bundle=server_files.ca)
            await fails_with(engine, LinkCause.TLS, words[name])
            await engine.link.close()
        finally:
            broker.stop()


async def test_plaintext_where_tls_is_expected_and_the_other_way_round(
    mosquitto: Broker, server_files: TlsFiles, links: Links, tmp_path: Path
) -> None:
    await fails_with(links.make(f"ssl://127.0.0.1:{mosquitto.port}", ca_bundle=server_files.ca, connect_timeout_s=1), LinkCause.TLS, "TLS")
    broker = start_mosquitto(tmp_path / "tls", tls=server_files)
    try:
        engine = links.make(f"tcp://127.0.0.1:{broker.port}", connect_timeout_s=1)
        await engine.link.start()
        await eventually(lambda: engine.health.cause is not LinkCause.NONE)
        assert engine.health.state is not LinkState.UP
        await engine.link.close()
    finally:
        broker.stop()


async def test_the_shipped_acl_lets_everybody_speak_only_for_himself(
    authority: trustme.CA, server_files: TlsFiles, links: Links, tmp_path: Path
) -> None:
    broker = start_mosquitto(tmp_path / "broker", tls=server_files, require_certificate=True, acl=DEPLOY / "acl")

    def named(name: str, *filters: str, announce: bool = False, will: Outgoing | None = None) -> TestLink:
        files = write_certificate(
            authority, authority.issue_cert(f"{name}.test", common_name=name), _made(tmp_path / f"{name}-{will is None}")
        )
        return links.make(
            broker.url,
            *filters,
            client_id=name,
            auth_method="tls",
            ca_bundle=server_files.ca,
            client_cert=files.certificate,
            client_key=files.key,
            options={"announce_status": announce, "will": will},
        )

    try:
        engine = await named("v2g-console", "vehicle/+/ack", "v2g/vehicle/state/+", "v2g/fleet/response/+", announce=True).up()
        veh_a = await named("veh-a", "vehicle/veh-a/command", "vehicle/+/command", "v2g/lwt", "v2g/fleet/discovery").up()
        veh_b = await named("veh-b", "vehicle/veh-b/command").up()
        assert engine.health.warnings == ()

        ack = encode_ack(Ack("cmd-1"))
        refused = PublishOutcome.REFUSED
        for topic in ("vehicle/veh-b/ack", "v2g/vehicle/state/veh-b", "v2g/fleet/response/veh-b", "vehicle/veh-b/command", "v2g/lwt"):
            assert await veh_a.send(topic, ack) is refused, topic
        assert veh_a.health.puback_refused == 5
        assert await veh_a.send("vehicle/veh-a/ack", ack) is PublishOutcome.SENT
        await eventually(lambda: engine.messages)
        assert engine.messages == [("vehicle/veh-a/ack", ack, False)]

        await engine.send("vehicle/veh-b/command", b"for b")
        await engine.send("vehicle/veh-a/command", b"for a")
        await engine.send("v2g/fleet/discovery", b"hello", 0)
        await eventually(lambda: ("v2g/fleet/discovery", b"hello", False) in veh_a.messages)
        assert ("vehicle/veh-a/command", b"for a", False) in veh_a.messages
        assert ("v2g/lwt", b"online", True) in veh_a.messages
        assert not any(topic == "vehicle/veh-b/command" for topic, _, _ in veh_a.messages)
        await eventually(lambda: veh_b.messages == [("vehicle/veh-b/command", b"for b", False)])
        assert await engine.send("vehicle/veh-a/ack", ack) is refused

        engine.messages.clear()  # the broker sends a will when another connection takes the client id over
        for name, about in (("veh-d", "veh-b"), ("veh-c", "veh-c")):
            will = Outgoing(f"v2g/vehicle/state/{about}", encode_offline(about), 1)
            await named(name, will=will).up()
            await named(name).up()
        await eventually(lambda: engine.messages)
        assert {topic for topic, _, _ in engine.messages} == {"v2g/vehicle/state/veh-c"}, "nobody leaves another's will"
        await links.close()
    finally:
        broker.stop()


async def test_a_missing_or_foreign_client_certificate_is_named(
    other_authority: trustme.CA, server_files: TlsFiles, links: Links, tmp_path: Path
) -> None:
    broker = start_mosquitto(tmp_path / "broker", tls=server_files, require_certificate=True)
    foreign = write_certificate(
        other_authority, other_authority.issue_cert("engine.test", common_name="engine"), _made(tmp_path / "foreign")
    )
    try:
        without = links.make(broker.url, ca_bundle=server_files.ca)
        await fails_with(without, LinkCause.TLS, "client certificate")
        stranger = links.make(
            broker.url, auth_method="tls", ca_bundle=server_files.ca, client_cert=foreign.certificate, client_key=foreign.key
        )
        await fails_with(stranger, LinkCause.TLS, "client certificate")
        await links.close()
    finally:
        broker.stop()


def test_an_expired_client_certificate_is_refused_at_the_start(authority: trustme.CA, server_files: TlsFiles, tmp_path: Path) -> None:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)
    certificate = authority.issue_cert("engine.test", not_before=past - datetime.timedelta(days=9), not_after=past)
    files = write_certificate(authority, certificate, tmp_path)
    with pytest.raises(TlsMaterialError, match=r"mqtt\.client_cert: .*cert\.pem expired on"):
        Links("auto").make(
            "ssl://localhost:8883", auth_method="tls", ca_bundle=server_files.ca, client_cert=files.certificate, client_key=files.key
        )


async def test_a_refused_online_status_is_a_warning(links: Links, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.acl"
    nothing.write_text("topic deny #\n")
    broker = start_mosquitto(tmp_path / "broker", acl=nothing)
    try:
        engine = links.make(broker.url, options={"announce_status": True})
        await engine.up()
        assert "online" in engine.health.warnings[0]
        await engine.link.close()
    finally:
        broker.stop()


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory


async def test_a_link_can_be_closed_at_any_moment_of_its_attempts(mosquitto: Broker, links: Links) -> None:
    for turns in range(60):
        link = links.make(mosquitto.url if turns % 2 else f"tcp://127.0.0.1:{free_port()}", backoff_ms=1.0)
        await link.link.start()
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await link.link.close()
        assert link.health.state is LinkState.CLOSED
