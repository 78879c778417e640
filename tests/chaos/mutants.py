"""Ways to break the engine on purpose, and the law that must catch each: a harness that finds nothing proves nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.chaos.points import replace


@dataclass(frozen=True, slots=True)
class Mutant:
    """`apply` breaks the engine of this process; one of `caught_by` must then be violated in the scenario named `trial`."""

    apply: Callable[[], None]
    caught_by: frozenset[str]
    trial: str = "demanding"


def _never_journals_updates() -> None:
    def make(original: Any) -> Any:
        async def commit_round(self: Any, record: Any) -> None:
            if record.kind not in ("update", "retry", "renewal"):
                await original(self, record)

        return commit_round

    replace("engine.core:Core.commit_round", make)


def _journals_other_setpoints() -> None:
    def make(original: Any) -> Any:
        def setpoint(self: Any, position: int, **named: Any) -> Any:
            self._running.cells.setpoint_kw[position] *= 0.5
            return original(self, position, **named)

        return setpoint

    replace("engine.commands:CommandWriter.setpoint", make)


def _forgets_releases() -> None:
    from v2g_console.engine.dispatch import ReleaseState

    def make(original: Any) -> Any:
        async def publish(release: Any, positions: list[int]) -> None:
            for position in positions[::3]:
                release.running.set_release(position, ReleaseState.SENT)
                release.running.set_release(position, ReleaseState.CONFIRMED)
                release.running.fresh.confirmed.append(position)
            await original(release, positions)

        return publish

    replace("engine.release:_publish", make)


def _forgets_after_a_crash() -> None:
    from v2g_console.journal.recovery import Recovered

    replace("engine.recover:recover", lambda original: lambda core, owed, _: original(core, owed, Recovered()))


def _counts_down() -> None:
    def make(_: Any) -> Any:
        def next_seq(self: Any) -> int:
            self._last_seq -= 1
            return 1_000_000 + int(self._last_seq)

        return next_seq

    replace("engine.core:Core.next_seq", make)
    replace("engine.core:Core.start_seq_above", lambda _: lambda *_: None)


def _endless_leases() -> None:
    replace("engine.commands:CommandWriter.lease_end_ms", lambda _: lambda _self, sent_ms: sent_ms + 3_600_000)


def _new_power_under_an_old_id() -> None:
    def make(original: Any) -> Any:
        async def resend(core: Any, running: Any, positions: list[int], **named: Any) -> None:
            for position in positions:
                running.cells.setpoint_kw[position] *= 0.9
            await original(core, running, positions, **named)

        return resend

    replace("engine.rounds:resend", make)


def _believes_the_broker() -> None:
    """Takes the broker's receipt for the vehicle's answer."""
    from v2g_console.domain.states import CommandState

    def make(original: Any) -> Any:
        def outcome(core: Any, running: Any, position: int, seq: int, result: Any, **named: Any) -> None:
            original(core, running, position, seq, result, **named)
            if running.cells.command_state[position] == int(CommandState.PUBLISHED):
                running.set_command(position, CommandState.ACKED)
                running.fresh.answered.append(position)

        return outcome

    replace("engine.rounds:_first_outcome", make)


def _knows_no_limits() -> None:
    def make(original: Any) -> Any:
        def record(core: Any, running: Any, positions: Any, seq: int, kind: str) -> Any:
            running.setpoint_kw[positions] *= 1.7
            return original(core, running, positions, seq, kind)

        return record

    replace("engine.rounds:round_record", make)


def _stops_in_words_only() -> None:
    from v2g_console.engine.core import StopLatch

    def end(original: Any) -> Any:
        def not_when_stopped(self: Any, outcome: Any, reason: str) -> bool:
            return False if outcome.name == "STOPPED" else bool(original(self, outcome, reason))

        return not_when_stopped

    replace("engine.dispatch:Running.end", end)
    setattr(StopLatch, "stopped", property(lambda _: False, lambda *_: None))  # noqa: B010  it never latches; mypy must not see it


def _plays_back_after_a_crash() -> None:
    """Sends the last round again instead of its release."""

    def make(original: Any) -> Any:
        def release(self: Any, position: int, *, seq: int, sent_ms: int) -> Any:
            running = self._running
            if running.slot >= 0:
                return original(self, position, seq=seq, sent_ms=sent_ms)
            return self._message(position, seq, running.cells.setpoint_kw[position], sent_ms, sent_ms + 30_000, release=False)

        return release

    replace("engine.commands:CommandWriter.release", make)


def _takes_any_answer_for_a_release() -> None:
    replace("engine.owed:lets_go", lambda _: lambda _ack: True)


def _ignores_who_comes_back() -> None:
    replace("engine.acks:Acks._came_back", lambda _: lambda *_: False)


def _believes_its_date_after_a_crash() -> None:
    def make(original: Any) -> Any:
        def owe(core: Any, owed: Any, running: Any, standing: Any, chosen: Any) -> Any:
            over = (standing.protocol >= 2) & (standing.valid_until_ms < core.utc_ms())
            return original(core, owed, running, standing, chosen[~over[chosen]])

        return owe

    replace("engine.recover:_owe", make)


def _takes_without_a_word() -> None:
    """Whoever loses a vehicle to a dispatch of higher rank is not told."""
    replace("engine.hand_over:hand_over", lambda _: lambda _core, _winner, rows: rows >= 0)


def _has_commands_retained() -> None:
    from dataclasses import replace as changed

    def make(original: Any) -> Any:
        def message(self: Any, *fields: Any, **named: Any) -> Any:
            return changed(original(self, *fields, **named), retain=True)

        return message

    replace("engine.commands:CommandWriter._message", make)


MUTANTS: dict[str, Mutant] = {
    "never journals updates": Mutant(_never_journals_updates, frozenset({"journal"})),
    "journals other setpoints than it sends": Mutant(_journals_other_setpoints, frozenset({"journal"})),
    "forgets every third release": Mutant(_forgets_releases, frozenset({"lost", "released"})),
    "forgets its vehicles after a crash": Mutant(_forgets_after_a_crash, frozenset({"lost", "released"})),
    "counts its rounds down": Mutant(_counts_down, frozenset({"order"})),
    "leases without an end": Mutant(_endless_leases, frozenset({"late"})),
    "new power under an old id": Mutant(_new_power_under_an_old_id, frozenset({"twice"})),
    "takes the broker's receipt for an answer": Mutant(_believes_the_broker, frozenset({"lost"})),
    "knows no limits": Mutant(_knows_no_limits, frozenset({"limits"})),
    "takes vehicles without a word": Mutant(_takes_without_a_word, frozenset({"owner"}), trial="contested"),
    "has its commands retained": Mutant(_has_commands_retained, frozenset({"retained"})),
    "stops in words only": Mutant(_stops_in_words_only, frozenset({"stop"})),
    "plays commands back after a crash": Mutant(_plays_back_after_a_crash, frozenset({"journal", "released"})),
    "takes a refusal for a release": Mutant(_takes_any_answer_for_a_release, frozenset({"lost", "released"}), trial="late"),
    "believes its date after a crash": Mutant(_believes_its_date_after_a_crash, frozenset({"late", "released"}), trial="misdated"),
    "ignores who goes back to an old setpoint": Mutant(_ignores_who_comes_back, frozenset({"order", "released"}), trial="overtaken"),
}
