"""Virtual vehicles: they keep what they were told, follow it or not, and answer as the test wants."""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from v2g_console.domain.ids import split_command_id
from v2g_console.transport.codec import decode_command, encode_telemetry
from v2g_console.transport.description import encode_description
from v2g_console.transport.wire import Ack, CommandV1, CommandV2, Description, Telemetry


class Answer(Enum):
    """How a vehicle acknowledges."""

    YES = auto()
    NEVER = auto()
    TWICE = auto()
    REJECTED = auto()
    LIMITED = auto()
    EXPIRED = auto()
    SUPERSEDED = auto()
    OTHERS_TOPIC = auto()  # on the topic of the next vehicle
    NOBODYS = auto()  # for a command id that was never given out


@dataclass(slots=True)
class Received:
    """One command as it came in. `seq` and `position` of its id, `at_s` monotonic."""

    at_s: float
    payload: bytes
    command: CommandV1 | CommandV2
    seq: int
    release: bool | None  # None: a v1 vehicle can't know


@dataclass
class Car:
    """One vehicle. `natural_kw` is what it would do alone; `answer_s` 0 answers while the command is still being published."""

    vehicle_id: str
    protocol: int = 1
    natural_kw: float = 0.0
    soc: float = 0.7
    is_v2g: bool = True
    max_kw: float = 11.0
    min_charge_kw: float = 0.0
    ramp_kw_per_s: float = 0.0
    battery_kwh: float = 60.0
    site: str = ""
    phases: int = 0
    phase: int = 0
    segment: str = ""
    departure_s: float | None = None
    min_soc: float | None = None
    available: bool = True
    priority: bool = False
    consent: bool = True
    answer: Answer = Answer.YES
    answer_s: float = 0.02
    limit_kw: float = 2.0
    reason: str = ""
    follows: bool = True
    reports: bool = True
    setpoint_kw: float | None = None
    lease_ends_ms: float = float("inf")
    received: list[Received] = field(default_factory=list)

    def power_kw(self, utc_ms: float) -> float:
        """What its meter shows now."""
        if utc_ms >= self.lease_ends_ms:
            self.setpoint_kw = None
        return self.natural_kw if self.setpoint_kw is None or not self.follows else self.setpoint_kw

    def take(self, payload: bytes, at_s: float, utc_ms: float) -> list[Ack]:
        """Take a command; returns the acks it sends."""
        command = decode_command(payload, self.vehicle_id)
        parts = split_command_id(command.command_id)
        assert parts is not None
        release = command.release if isinstance(command, CommandV2) else None
        self.received.append(Received(at_s, payload, command, parts[1], release))
        ack = self._ack(command)
        if ack.status not in ("rejected", "expired", "superseded"):
            self._obey(command, ack, utc_ms)
        return {Answer.NEVER: [], Answer.TWICE: [ack, ack]}.get(self.answer, [ack])

    def _obey(self, command: CommandV1 | CommandV2, ack: Ack, utc_ms: float) -> None:
        self.setpoint_kw = command.power_kw if ack.applied_kw is None else ack.applied_kw
        self.lease_ends_ms = float("inf")
        if isinstance(command, CommandV2):
            self.lease_ends_ms = min(command.valid_until, utc_ms + command.hold_s * 1000)
            if command.release:
                self.setpoint_kw = None

    def _ack(self, command: CommandV1 | CommandV2) -> Ack:
        identity = command.command_id
        if self.answer is Answer.NOBODYS:
            return Ack("0" * 32 + "-1795441129000-0")
        if self.protocol < 2:
            return Ack(identity)
        if isinstance(command, CommandV2) and command.release:
            return Ack(identity, "accepted", command.power_kw)
        match self.answer:
            case Answer.REJECTED | Answer.EXPIRED | Answer.SUPERSEDED:
                return Ack(identity, self.answer.name.lower(), None, self.reason)
            case Answer.LIMITED:
                return Ack(identity, "limited", self.limit_kw, self.reason)
            case _:
                return Ack(identity, "accepted", command.power_kw)

    def description(self) -> bytes:
        """What it says of itself."""
        return encode_description(
            self.vehicle_id,
            Description(
                is_v2g=self.is_v2g,
                max_charge_kw=self.max_kw,
                max_discharge_kw=self.max_kw if self.is_v2g else 0.0,
                battery_kwh=self.battery_kwh,
                soc=self.soc,
                available=self.available,
                priority=self.priority,
                charging=None,
                departure_s=self.departure_s,
                min_soc=self.min_soc,
                availability_prob=1.0,
                degradation=0.0,
                segment=self.segment,
                site=self.site,
                fleet="",
                reserve_soc=0.0,
                charge_limit_soc=1.0,
                min_charge_kw=self.min_charge_kw,
                min_discharge_kw=0.0,
                consent=self.consent,
                protocol=self.protocol,
                ramp_kw_per_s=self.ramp_kw_per_s,
                phases=self.phases,
                phase=self.phase,
            ),
        )

    def telemetry(self, utc_s: float) -> bytes:
        """What its meter says, stamped in whole seconds."""
        power_kw = self.power_kw(utc_s * 1000)
        return encode_telemetry(self.vehicle_id, Telemetry(self.soc, power_kw, self.available, None, utc_s, False))


def cars(count: int, protocol: int = 1, *, first: int = 0, **kwargs: Any) -> list[Car]:
    """`count` vehicles of one kind, numbered from `first`."""
    return [Car(f"veh{number:06d}", protocol, **kwargs) for number in range(first, first + count)]
