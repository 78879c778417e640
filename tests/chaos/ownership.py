"""The law of `domain.md` that a vehicle belongs to one dispatch at a time, from the order of the journal's entries."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.chaos.evidence import Evidence, split

_NO_SETPOINTS = frozenset({"release", "relapse"})


@dataclass(frozen=True, slots=True, order=True)
class _Turn:
    """One entry of the journal about a vehicle: a dispatch gives it a setpoint, or lets go of it (seq 0)."""

    entry: int
    seq: int
    dispatch_id: str


def owner(evidence: Evidence) -> Iterator[str | None]:
    """No dispatch sends a vehicle a setpoint before the one that it follows has released it, handed it over or given it up."""
    for vehicle_id, turns in _turns(evidence).items():
        holder = ""
        for turn in turns:
            if turn.seq:
                yield (
                    None
                    if holder in ("", turn.dispatch_id)
                    else f"{vehicle_id}: seq {turn.seq} of {turn.dispatch_id[:4]} although {holder[:4]} has not let go of it"
                )
                holder = turn.dispatch_id
            elif turn.dispatch_id == holder:
                holder = ""


def _turns(evidence: Evidence) -> dict[str, list[_Turn]]:
    """By vehicle, in the order of the journal. A setpoint counts if it reached the vehicle: others may be taken back without a word."""
    reached = {(*split(line)[:2], vehicle_id) for vehicle_id, lines in evidence.commands.items() for line in lines}
    turns: defaultdict[str, list[_Turn]] = defaultdict(list)
    for key, one in evidence.journalled.items():
        if one.kind in _NO_SETPOINTS:
            turns[one.vehicle_id].append(_Turn(one.entry, 0, one.dispatch_id))
        elif key in reached:
            turns[one.vehicle_id].append(_Turn(one.entry, one.seq, one.dispatch_id))
    for told in evidence.releases:
        turns[told.vehicle_id].append(_Turn(told.entry, 0, told.dispatch_id))
    return {vehicle_id: sorted(those) for vehicle_id, those in turns.items()}
