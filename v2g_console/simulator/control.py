"""What an order is answered and what stays in force: the control of a v1 vehicle and that of a v2 vehicle."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, assert_never

from v2g_console.domain.reasons import Reason
from v2g_console.simulator.moment import Moment
from v2g_console.simulator.spec import Fault, VehicleSpec
from v2g_console.transport.wire import Ack, CommandV1, CommandV2

NEVER: Final = float("inf")
_SAME_KW: Final = 0.05
_REMEMBERED_COMMANDS: Final = 32


@dataclass(frozen=True, slots=True)
class Situation:
    """What a vehicle knows of itself when an order arrives."""

    plugged: bool
    soc: float
    own_plan_kw: float


class Decision(StrEnum):
    """What an order led to, whatever the acknowledgement says."""

    NONE = "none"  # there was none yet
    APPLIED = "applied"
    LIMITED = "limited"
    RELEASED = "released"  # by v2's word for it; v1 knows only setpoints
    REFUSED = "refused"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    REPEATED = "repeated"  # known already: answered again, changed nothing
    IGNORED = "ignored"  # by a v1 vehicle, which acknowledges all the same


_DECISIONS: Final = {
    "accepted": Decision.APPLIED,
    "limited": Decision.LIMITED,
    "rejected": Decision.REFUSED,
    "expired": Decision.EXPIRED,
    "superseded": Decision.SUPERSEDED,
}


class Control(Protocol):
    """Holds the order in force. `target_kw` None means the driver's own plan; `ends_at_s` is on the vehicle's steady clock."""

    target_kw: float | None
    ends_at_s: float
    decision: Decision

    def receive(self, command: CommandV1 | CommandV2, situation: Situation, at: Moment) -> Ack:
        """Take the order or not, and say what happened."""

    def expire(self) -> None:
        """The lease has ended: go to the fallback."""

    def forget(self) -> None:
        """The vehicle was unplugged: no order is in force any more."""


class ControlV1:
    """A setpoint lasts until the next; an order over the limit is ignored; an ack says received and no more."""

    def __init__(self, spec: VehicleSpec) -> None:
        self._spec = spec
        self.target_kw: float | None = None
        self.ends_at_s = NEVER
        self.decision = Decision.NONE

    def receive(self, command: CommandV1 | CommandV2, situation: Situation, at: Moment) -> Ack:
        """Apply what is within MaxPower, unless away or refusing; acknowledge whatever it was."""
        battery = self._spec.battery
        within = -battery.max_charge_kw - _SAME_KW <= command.power_kw <= battery.max_discharge_kw + _SAME_KW
        self.decision = Decision.IGNORED
        if situation.plugged and within and self._spec.fault is not Fault.REJECTING:
            self.decision = Decision.APPLIED
            self.target_kw = _limited_by_fault(self._spec, command.power_kw, situation.own_plan_kw)
        return Ack(command_id=command.command_id)

    def expire(self) -> None:
        """A v1 order has no end."""

    def forget(self) -> None:
        """Back to the driver's plan."""
        self.target_kw = None


@dataclass(frozen=True, slots=True)
class _Verdict:
    status: str
    reason: Reason = Reason.NONE


class ControlV2:
    """Orders with sequence, lease and fallback; says what it applied, and why not what was asked."""

    def __init__(self, spec: VehicleSpec) -> None:
        self._spec = spec
        self.target_kw: float | None = None
        self.ends_at_s = NEVER
        self.decision = Decision.NONE
        self._fallback_kw: float | None = None
        self._newest_seq = -1
        self._newest_id = ""
        self._lease_over = False
        self._answers: dict[str, Ack] = {}

    def receive(self, command: CommandV1 | CommandV2, situation: Situation, at: Moment) -> Ack:
        """Check sequence, dates and limits in this order, apply what is left, and answer."""
        known = self._answers.get(command.command_id)
        if known is not None:
            self.decision = Decision.REPEATED
            return self._answer_again(known, situation, at)
        seq = command.seq if isinstance(command, CommandV2) else None
        if seq is not None and seq <= self._newest_seq:
            return self._answer(command, _Verdict("superseded", Reason.STALE_SEQ), situation, at)
        # Refused orders count too: an older one that arrives after them was already replaced when the engine sent them.
        self._newest_seq = max(self._newest_seq, -1 if seq is None else seq)
        self._newest_id = command.command_id
        return self._answer(command, self._take(command, situation, at), situation, at)

    def expire(self) -> None:
        """The lease has ended: the fallback, or the driver's plan if there is none."""
        self.target_kw, self.ends_at_s, self._lease_over = self._fallback_kw, NEVER, True

    def forget(self) -> None:
        """Back to the driver's plan; the sequence is remembered."""
        self.target_kw, self.ends_at_s, self._lease_over = None, NEVER, True

    def _take(self, command: CommandV1 | CommandV2, situation: Situation, at: Moment) -> _Verdict:
        if isinstance(command, CommandV1):
            return self._apply(command.power_kw, NEVER, None, situation)
        lease_s = min(float(command.hold_s), command.valid_until / 1000.0 - at.utc_s)
        if at.utc_s * 1000.0 > command.accept_until:
            return _Verdict("expired", Reason.EXPIRED)
        if command.release:
            self.target_kw, self.ends_at_s, self._lease_over = command.fallback_kw, NEVER, False
            return _Verdict("accepted")
        if lease_s <= 0.0:
            return _Verdict("expired", Reason.EXPIRED)
        return self._apply(command.power_kw, at.steady_s + lease_s, command.fallback_kw, situation)

    def _apply(self, asked_kw: float, ends_at_s: float, fallback_kw: float | None, situation: Situation) -> _Verdict:
        refusal = self._refusal(asked_kw, situation)
        if refusal is not Reason.NONE:
            return _Verdict("rejected", refusal)
        wanted_kw = _limited_by_fault(self._spec, asked_kw, situation.own_plan_kw)
        applied_kw = self._spec.battery.possible_kw(situation.soc, wanted_kw)
        self.target_kw, self.ends_at_s, self._fallback_kw, self._lease_over = applied_kw, ends_at_s, fallback_kw, False
        if abs(applied_kw - asked_kw) <= _SAME_KW:
            return _Verdict("accepted")
        return _Verdict("limited", self._why_less(asked_kw, wanted_kw, situation.soc))

    def _refusal(self, asked_kw: float, situation: Situation) -> Reason:
        if not situation.plugged:
            return Reason.NOT_AVAILABLE
        if self._spec.fault is Fault.REJECTING:
            return Reason.LOCAL_OVERRIDE
        if asked_kw > _SAME_KW and not self._spec.is_v2g:
            return Reason.NOT_V2G
        if asked_kw > _SAME_KW and not self._spec.consent:
            return Reason.NO_CONSENT
        return Reason.NONE

    def _why_less(self, asked_kw: float, wanted_kw: float, soc: float) -> Reason:
        battery = self._spec.battery
        if abs(wanted_kw - asked_kw) > _SAME_KW or not -battery.max_charge_kw <= asked_kw <= battery.max_discharge_kw:
            return Reason.OVER_LIMIT
        if asked_kw > 0.0:
            return Reason.SOC_FLOOR if soc <= battery.floor_soc else Reason.MIN_POWER
        return Reason.SOC_CEILING if battery.deepest_charge_kw(soc) > asked_kw else Reason.MIN_POWER

    def _answer_again(self, known: Ack, situation: Situation, at: Moment) -> Ack:
        if known.command_id != self._newest_id:
            return _ack(known.command_id, _Verdict("superseded", Reason.SUPERSEDED), self._in_force_kw(situation), at)
        if self._lease_over and known.status in ("accepted", "limited"):
            return _ack(known.command_id, _Verdict("expired", Reason.EXPIRED), self._in_force_kw(situation), at)
        return known

    def _answer(self, command: CommandV1 | CommandV2, verdict: _Verdict, situation: Situation, at: Moment) -> Ack:
        released = isinstance(command, CommandV2) and command.release and verdict.status == "accepted"
        self.decision = Decision.RELEASED if released else _DECISIONS[verdict.status]
        ack = _ack(command.command_id, verdict, self._in_force_kw(situation), at)
        self._answers[command.command_id] = ack
        if len(self._answers) > _REMEMBERED_COMMANDS:
            del self._answers[next(iter(self._answers))]
        return ack

    def _in_force_kw(self, situation: Situation) -> float:
        wanted_kw = situation.own_plan_kw if self.target_kw is None else self.target_kw
        return self._spec.battery.possible_kw(situation.soc, wanted_kw) if situation.plugged else 0.0


def control_of(spec: VehicleSpec) -> Control:
    """The control of the vehicle's protocol."""
    return ControlV1(spec) if spec.protocol == 1 else ControlV2(spec)


def _ack(command_id: str, verdict: _Verdict, applied_kw: float, at: Moment) -> Ack:
    reason = "" if verdict.reason is Reason.NONE else verdict.reason.name
    return Ack(command_id=command_id, status=verdict.status, applied_kw=round(applied_kw, 6), reason=reason, ts=int(at.utc_s * 1000))


def _limited_by_fault(spec: VehicleSpec, asked_kw: float, own_plan_kw: float) -> float:
    match spec.fault:
        case Fault.LIMITING:
            return own_plan_kw + spec.limit_share * (asked_kw - own_plan_kw)
        case Fault.NONE | Fault.SILENT | Fault.REJECTING:
            return asked_kw
        case _:
            assert_never(spec.fault)
