"""The broker's files that we ship: the engine and each vehicle may do just what the protocol's table of topics lists, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.broker.brokers import Broker, TlsFiles, start_as_shipped
from tests.broker.conftest import write_certificate
from tests.broker.links import Links, TestLink, eventually
from v2g_console.contract.link import LinkCause, LinkState
from v2g_console.transport.port import PublishOutcome

pytestmark = pytest.mark.mosquitto

ENGINE_WRITES = {"vehicle/veh-a/command", "vehicle/veh-b/command", "v2g/fleet/discovery", "v2g/telemetry/request", "v2g/lwt"}
ENGINE_READS = {"vehicle/veh-a/ack", "v2g/vehicle/state/veh-a", "v2g/fleet/response/veh-a", "v2g/telemetry/response/veh-a"}
VEHICLE_WRITES = ENGINE_READS
VEHICLE_READS = {"vehicle/veh-a/command", "v2g/fleet/discovery", "v2g/telemetry/request", "v2g/lwt"}
OF_ANOTHER = {"vehicle/veh-b/ack", "v2g/vehicle/state/veh-b", "v2g/fleet/response/veh-b", "v2g/telemetry/response/veh-b"}
ELSEWHERE = {
    "vehicle/veh-a/ack/x", "vehicle/veh-a", "vehicle//ack", "v2g/vehicle/state", "v2g/anything", "anything", "$SYS/broker/x",
    "vehicle/veh-a/command/x", "/vehicle/veh-a/ack",
}  # fmt: skip
EVERYTHING = ENGINE_WRITES | ENGINE_READS | OF_ANOTHER | ELSEWHERE


@pytest.fixture
def shipped(server_files: TlsFiles, tmp_path: Path) -> Iterator[Broker]:
    """mosquitto as `deploy/` says."""
    broker = start_as_shipped(tmp_path / "broker", server_files)
    yield broker
    broker.stop()


class Party:
    """Makes links with certificates."""

    def __init__(self, links: Links, url: str, authority: trustme.CA, server_files: TlsFiles, folder: Path) -> None:
        self.links, self.url, self.authority, self.server_files, self.folder = links, url, authority, server_files, folder

    def named(self, name: str, *filters: str, client_id: str | None = None) -> TestLink:
        """A link whose certificate says `name`, not started yet."""
        folder = self.folder / f"party-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        files = write_certificate(self.authority, self.authority.issue_cert("party.test", common_name=name), folder)
        return self.links.make(
            self.url, *filters, client_id=client_id or name, auth_method="tls", use_tls=True, ca_bundle=self.server_files.ca,
            client_cert=files.certificate, client_key=files.key,
        )  # fmt: skip


@pytest.fixture
def party(links: Links, shipped: Broker, authority: trustme.CA, server_files: TlsFiles, tmp_path: Path) -> Party:
    """Who comes to the shipped broker."""
    return Party(links, shipped.url, authority, server_files, tmp_path)


async def written(link: TestLink) -> set[str]:
    """Those of all topics that the broker lets it publish on."""
    taken = {topic for topic in EVERYTHING if await link.send(topic, b"{}") is not PublishOutcome.REFUSED}
    assert link.health.state is LinkState.UP
    return taken


async def test_each_publishes_where_the_protocol_says_and_nowhere_else(party: Party) -> None:
    engine = await party.named("v2g-console").up()
    vehicle = await party.named("veh-a").up()
    assert await written(engine) == ENGINE_WRITES
    assert await written(vehicle) == VEHICLE_WRITES
    await party.links.close()


async def test_each_hears_what_the_protocol_says_and_nothing_else(party: Party) -> None:
    greedy = ("#", "vehicle/+/command", "vehicle/+/ack", "v2g/#", "+/+/+", "$SYS/#", "$share/x/vehicle/+/command")
    engine_filters = ("vehicle/+/ack", "v2g/vehicle/state/+", "v2g/fleet/response/+", "v2g/telemetry/response/+")
    listening = await party.named("v2g-console", *engine_filters).up()
    nosy_a = await party.named("veh-a", *VEHICLE_READS, *greedy).up()
    nosy_c = await party.named("veh-c", *greedy).up()
    speaking = await party.named("veh-b").up()
    for topic in sorted(OF_ANOTHER):
        assert await speaking.send(topic, b"of b") is not PublishOutcome.REFUSED
    for topic in sorted(ENGINE_WRITES):
        assert await listening.send(topic, b"of engine") is not PublishOutcome.REFUSED
    await eventually(lambda: {topic for topic, *_ in nosy_a.messages} >= VEHICLE_READS)
    await eventually(lambda: {topic for topic, *_ in listening.messages} >= OF_ANOTHER)
    to_all = {"v2g/fleet/discovery", "v2g/telemetry/request", "v2g/lwt"}
    await eventually(lambda: {topic for topic, *_ in nosy_c.messages} >= to_all)
    assert {topic for topic, *_ in nosy_a.messages} == VEHICLE_READS
    assert {topic for topic, *_ in nosy_c.messages} == to_all
    assert {topic for topic, *_ in listening.messages} == OF_ANOTHER
    await party.links.close()


async def test_a_vehicle_with_the_engines_client_id_does_not_throw_the_engine_off(party: Party) -> None:
    engine = await party.named("v2g-console", "vehicle/+/ack").up()
    impostor = await party.named("veh-a", client_id="v2g-console").up()
    assert await impostor.send("vehicle/veh-b/command", b"{}") is PublishOutcome.REFUSED
    assert await impostor.send("vehicle/veh-a/ack", b"from a") is not PublishOutcome.REFUSED
    await eventually(lambda: engine.messages)
    assert engine.messages == [("vehicle/veh-a/ack", b"from a", False)]
    assert engine.health.reconnects == 0
    await party.links.close()


@pytest.mark.parametrize("name", ["+", "#", "veh-a/+", "veh-a/ack"])
async def test_a_certificate_that_names_a_pattern_opens_nothing(party: Party, name: str) -> None:
    vehicle = await party.named("veh-b").up()
    engine = await party.named("v2g-console", "vehicle/+/ack").up()
    strange = party.named(name, "vehicle/+/command", client_id="strange")
    await strange.link.start()
    if await strange.link.wait_up(1.0):
        assert not await written(strange) & (ENGINE_WRITES | ENGINE_READS | OF_ANOTHER)
    await engine.send("vehicle/veh-b/command", b"for b")
    await engine.send("vehicle/veh-a/command", b"for a")
    assert await vehicle.send("vehicle/veh-b/ack", b"from b") is not PublishOutcome.REFUSED
    await eventually(lambda: engine.messages)
    assert strange.messages == []
    await party.links.close()


async def test_without_a_certificate_nobody_gets_in(links: Links, shipped: Broker, server_files: TlsFiles) -> None:
    nobody = links.make(shipped.url, use_tls=True, ca_bundle=server_files.ca)
    await nobody.link.start()
    await eventually(lambda: nobody.health.cause is not LinkCause.NONE)
    assert nobody.health.cause is LinkCause.TLS
    assert "client certificate" in nobody.health.cause_text
    await links.close()
