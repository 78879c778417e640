"""The vehicles' own record: a line for each command that came, with what was done, and for each change of power."""

from pathlib import Path

import msgspec
import pytest

from tests.unit.simulator.test_dialogue import Air
from tests.unit.simulator.vehicles import order_v1, order_v2, spec_of
from v2g_console.simulator.diary import ChangeLine, CommandLine, Diary, Line, VehicleLine
from v2g_console.simulator.spec import Fault
from v2g_console.transport.codec import encode_command


class Written(Air):
    """An air whose vehicles keep a diary."""

    def __init__(self, path: Path, protocol: int, fault: Fault = Fault.NONE, **options: float) -> None:
        super().__init__(spec_of(protocol, fault=fault), **options)
        self._path = path
        self.dialogue.diary = Diary(path)
        self.dialogue.diary.begin(self.stations[0].vehicle, self.now)

    def lines(self) -> list[Line]:
        return [msgspec.json.decode(line, type=Line) for line in self._path.read_bytes().splitlines()]

    def decisions(self) -> list[str]:
        return [line.decision for line in self.lines() if isinstance(line, CommandLine)]


def test_a_vehicle_is_described_before_anything_happens_to_it(tmp_path: Path) -> None:
    air = Written(tmp_path / "log", 2)
    (line,) = air.lines()
    assert isinstance(line, VehicleLine)
    assert (line.vehicle_id, line.protocol, line.max_discharge_kw, line.fault) == ("veh000123", 2, 11.0, "none")


def test_a_v2_vehicle_writes_down_what_it_did_with_each_command(tmp_path: Path) -> None:
    air = Written(tmp_path / "log", 2)
    station = air.stations[0]
    orders = [
        order_v2(5.0, 10, hold_s=60),
        order_v2(5.0, 10, hold_s=60),
        order_v2(3.0, 9),
        order_v2(50.0, 11),
        order_v2(0.0, 12, release=True),
    ]
    for order in orders:
        air.dialogue.on_command(station, encode_command(order))
    air.dialogue.on_command(station, b"{")
    assert air.decisions() == ["applied", "repeated", "superseded", "limited", "released", "malformed"]
    first = air.lines()[2]
    assert isinstance(first, CommandLine)
    assert (first.asked_kw, first.seq, first.target_kw, first.power_kw, first.ends_at_s) == (5.0, 10, 5.0, 5.0, air.now.steady_s + 60)


def test_the_end_of_a_lease_is_written_down_at_its_very_time(tmp_path: Path) -> None:
    air = Written(tmp_path / "log", 2)
    air.dialogue.on_command(air.stations[0], encode_command(order_v2(5.0, 10, hold_s=60)))
    ends_s = air.now.steady_s + 60.0
    air.now = air.now.later(90.0)
    air.dialogue.report(air.stations[0])
    last = air.lines()[-1]
    assert isinstance(last, ChangeLine)
    assert (last.why, last.at_s, last.target_kw, last.power_kw) == ("lease end", ends_s, None, 0.0)


@pytest.mark.parametrize(
    ("power_kw", "fault", "decision"), [(5.0, Fault.NONE, "applied"), (50.0, Fault.NONE, "ignored"), (5.0, Fault.REJECTING, "ignored")]
)
def test_a_v1_vehicle_writes_down_what_its_ack_does_not_say(tmp_path: Path, power_kw: float, fault: Fault, decision: str) -> None:
    air = Written(tmp_path / "log", 1, fault)
    air.dialogue.on_command(air.stations[0], encode_command(order_v1(power_kw)))
    assert air.decisions() == [decision]


def test_what_never_reached_the_vehicle_is_written_down_too(tmp_path: Path) -> None:
    air = Written(tmp_path / "log", 1, drop_rate=1.0)
    air.dialogue.on_command(air.stations[0], encode_command(order_v1(5.0)))
    air.stations[0].online = False
    air.dialogue.on_command(air.stations[0], encode_command(order_v1(5.0)))
    assert air.decisions() == ["dropped", "missed"]
