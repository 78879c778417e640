"""The commands and releases of one dispatch as columns, a row for each stay of a vehicle, with counts that follow every change."""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from v2g_console.domain.reasons import Reason
from v2g_console.domain.states import COMMAND_TRANSITIONS, CommandState, IllegalTransitionError

F8 = NDArray[np.float64]
Rows = NDArray[np.intp]
_LEGAL = np.array([[to in COMMAND_TRANSITIONS[now] for to in CommandState] for now in CommandState])
_LEGAL_PAIRS: tuple[tuple[bool, ...], ...] = tuple(tuple(row) for row in _LEGAL.tolist())
_ANSWERED = (CommandState.ACKED, CommandState.LIMITED)


class ReleaseState(IntEnum):
    """How far the release of one vehicle is."""

    NONE = 0
    SENT = 1
    CONFIRMED = 2
    OWED = 3
    NOT_NEEDED = 4  # nothing was ever published, or the vehicle was handed over
    LEASE_ENDED = 5  # never confirmed, but no longer owed: the vehicle falls back by itself


_SETTLED = frozenset({ReleaseState.CONFIRMED, ReleaseState.OWED, ReleaseState.NOT_NEEDED, ReleaseState.LEASE_ENDED})

# One line a column: name -> (dtype, value of a new row).
_COLUMNS: dict[str, tuple[type, float]] = {
    "rows": (np.intp, 0),  # of the fleet
    "setpoint_kw": (np.float64, 0),  # absolute
    "sent_kw": (np.float64, np.nan),  # the last one that may have gone out; NaN: none
    "baseline_kw": (np.float64, 0),  # frozen
    "score": (np.float64, 0),
    "reason": (np.uint8, 0),
    "command_state": (np.uint8, int(CommandState.PLANNED)),
    "seq": (np.int64, 0),
    "attempt": (np.uint8, 0),
    "sent_at": (np.float64, np.nan),  # monotonic, first publish of the present command
    "sent_ms": (np.int64, 0),
    "retry_at": (np.float64, np.inf),  # monotonic
    "acked_at": (np.float64, np.nan),  # monotonic
    "applied_kw": (np.float64, np.nan),  # absolute, as acknowledged
    "renewal_until_ms": (np.int64, 0),  # end of a lease that is asked for, but not acknowledged
    "valid_until_ms": (np.int64, 0),  # end of the lease; 0: none (v1)
    "latest_until_ms": (np.int64, 0),  # of all leases it was told: it may refuse the newest and keep one that ends later by date
    "renewed_at": (np.float64, np.nan),  # monotonic, publish of the renewal that is asked for
    "lease_ends_at": (np.float64, np.inf),  # monotonic: `valid_until_ms`, but no step of the date moves it
    "least_kw": (np.float64, -np.inf),  # setpoints that a broken bound leaves it, while `bounded_until`
    "most_kw": (np.float64, np.inf),
    "bounded_until": (np.float64, -np.inf),  # monotonic
    "left": (np.bool_, 0),  # let go, or handed over, while the dispatch goes on
    "earlier": (np.bool_, 0),  # its vehicle was taken again since, in a later row
    "judged": (np.bool_, 0),  # its failure of the present command was counted
    "out": (np.bool_, 0),  # a command may have reached the vehicle
    "release_state": (np.uint8, int(ReleaseState.NONE)),
    "release_kw": (np.float64, 0),
    "release_sent_at": (np.float64, np.nan),
    "release_sent_ms": (np.int64, 0),
    "release_attempt": (np.uint8, 0),
    "release_acked_at": (np.float64, np.nan),
}


# What `new_commands` begins anew.
_OF_A_COMMAND = ("command_state", "seq", "attempt", "sent_at", "acked_at", "retry_at", "renewal_until_ms", "judged", "reason")

# Columns that are also read and written one cell at a time, for each command and each ack: a memoryview costs a third of a numpy index.
_CELLS = (
    "command_state",
    "seq",
    "setpoint_kw",
    "sent_kw",
    "attempt",
    "sent_at",
    "sent_ms",
    "retry_at",
    "acked_at",
    "applied_kw",
    "valid_until_ms",
    "renewal_until_ms",
    "latest_until_ms",
    "renewed_at",
    "lease_ends_at",
    "out",
    "release_state",
    "release_kw",
    "release_sent_at",
    "release_sent_ms",
    "release_attempt",
    "release_acked_at",
)


class Cells:
    """The same memory as the columns, cell by cell; made anew when the columns grow, so never keep one."""

    command_state: "memoryview[int]"
    seq: "memoryview[int]"
    setpoint_kw: "memoryview[float]"
    sent_kw: "memoryview[float]"
    attempt: "memoryview[int]"
    sent_at: "memoryview[float]"
    sent_ms: "memoryview[int]"
    retry_at: "memoryview[float]"
    acked_at: "memoryview[float]"
    applied_kw: "memoryview[float]"
    valid_until_ms: "memoryview[int]"
    renewal_until_ms: "memoryview[int]"
    latest_until_ms: "memoryview[int]"
    renewed_at: "memoryview[float]"
    lease_ends_at: "memoryview[float]"
    out: "memoryview[bool]"
    release_state: "memoryview[int]"
    release_kw: "memoryview[float]"
    release_sent_at: "memoryview[float]"
    release_sent_ms: "memoryview[int]"
    release_attempt: "memoryview[int]"
    release_acked_at: "memoryview[float]"

    def __init__(self, columns: "CommandRows") -> None:
        for name in _CELLS:
            setattr(self, name, memoryview(getattr(columns, name)))


@dataclass(slots=True)
class Fresh:
    """Positions with news since the last `mirror`: sent, answered, release confirmed, release settled one way or the other.

    `outdated_rows`: rows of the fleet that acknowledged a command of an earlier stay; the newest is sent to them again.
    """

    sent: list[int] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    confirmed: list[int] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    outdated_rows: set[int] = field(default_factory=set)


class CommandRows:
    """The columns. Positions are their row numbers; `rows` are the fleet's row numbers."""

    rows: Rows
    setpoint_kw: F8
    sent_kw: F8
    least_kw: F8
    most_kw: F8
    bounded_until: F8
    baseline_kw: F8
    score: F8
    reason: NDArray[np.uint8]
    command_state: NDArray[np.uint8]
    seq: NDArray[np.int64]
    attempt: NDArray[np.uint8]
    sent_at: F8
    sent_ms: NDArray[np.int64]
    retry_at: F8
    acked_at: F8
    applied_kw: F8
    valid_until_ms: NDArray[np.int64]
    renewal_until_ms: NDArray[np.int64]
    latest_until_ms: NDArray[np.int64]
    renewed_at: F8
    lease_ends_at: F8
    left: NDArray[np.bool_]
    earlier: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    out: NDArray[np.bool_]
    release_state: NDArray[np.uint8]
    release_kw: F8
    release_sent_at: F8
    release_sent_ms: NDArray[np.int64]
    release_attempt: NDArray[np.uint8]
    release_acked_at: F8

    def __init__(self) -> None:
        self.counts = [0] * len(CommandState)
        self.release_counts = [0] * len(ReleaseState)
        self.row_list: list[int] = []
        self.reason_text: dict[int, str] = {}
        # Vehicles that acknowledged an older command: the newest is sent to them again; v1 ones that did so while being released.
        self.outdated, self.doubted = set[int](), set[int]()
        self.fresh = Fresh()
        self._before: dict[str, NDArray[np.generic]] = {name: np.zeros(0, _COLUMNS[name][0]) for name in _OF_A_COMMAND}
        self.add(np.zeros(0, np.intp), np.zeros(0), np.zeros(0), np.zeros(0))

    def add(self, rows: Rows, setpoint_kw: F8, baseline_kw: F8, score: F8) -> Rows:
        """Add vehicles (fleet rows, absolute setpoints and frozen baselines in kW); returns their positions."""
        old_n, n = len(self), len(self) + len(rows)
        for name, (dtype, value) in _COLUMNS.items():
            column: NDArray[np.generic] = np.full(n, value, dtype)
            if old_n:
                column[:old_n] = getattr(self, name)
            setattr(self, name, column)
        self._before = {name: np.append(column, getattr(self, name)[old_n:]) for name, column in self._before.items()}
        self.cells = Cells(self)
        self.earlier |= np.isin(self.rows, rows) & (np.arange(n) < old_n)
        self.row_list.extend(rows.tolist())
        self.rows[old_n:], self.setpoint_kw[old_n:] = rows, setpoint_kw
        self.baseline_kw[old_n:], self.score[old_n:] = baseline_kw, score
        self.counts[CommandState.PLANNED] += len(rows)
        self.release_counts[ReleaseState.NONE] += len(rows)
        return np.arange(old_n, n)

    def __len__(self) -> int:
        return len(self.row_list)

    @property
    def pending(self) -> int:
        """Commands whose answer is still to come."""
        return self.counts[CommandState.PLANNED] + self.counts[CommandState.QUEUED] + self.counts[CommandState.PUBLISHED]

    @property
    def commanded(self) -> int:
        """Vehicles to which a command may have gone out."""
        return int(np.count_nonzero(self.out))

    def set_command(self, position: int, wanted: int) -> None:
        """Change one command's state by the table, and the counts with it."""
        states = self.cells.command_state
        now = states[position]
        if not _LEGAL_PAIRS[now][wanted]:
            raise IllegalTransitionError(f"command {CommandState(now).name} -> {CommandState(wanted).name}")
        states[position] = wanted
        self.counts[now] -= 1
        self.counts[wanted] += 1

    def set_commands(self, positions: Rows, wanted: CommandState) -> None:
        """Change many commands' state by the table."""
        states = self.command_state[positions]
        if not _LEGAL[states, wanted].all():
            bad = CommandState(int(states[~_LEGAL[states, wanted]][0]))
            raise IllegalTransitionError(f"command {bad.name} -> {wanted.name}")
        for state, count in zip(*np.unique(states, return_counts=True), strict=True):
            self.counts[state] -= int(count)
        self.command_state[positions] = wanted
        self.counts[wanted] += len(positions)

    def new_commands(self, positions: Rows, seq: int) -> None:
        """Start new commands on rows whose former command is over or replaced by this one; the setpoints are set by the caller.

        What the former ones were is kept for `take_back`, of the last that was no mere plan.
        """
        went_out = positions[self.command_state[positions] != CommandState.PLANNED]
        for name, column in self._before.items():
            column[went_out] = getattr(self, name)[went_out]
        states = self.command_state[positions]
        for state, count in zip(*np.unique(states, return_counts=True), strict=True):
            self.counts[state] -= int(count)
        self.command_state[positions] = CommandState.PLANNED
        self.counts[CommandState.PLANNED] += len(positions)
        self.seq[positions] = seq
        self.attempt[positions] = 0
        self.sent_at[positions] = np.nan
        self.acked_at[positions] = np.nan
        self.retry_at[positions] = np.inf
        self.renewal_until_ms[positions] = 0
        self.judged[positions] = False
        self.reason[positions] = Reason.NONE

    def take_back(self, rows: Rows) -> None:
        """Undo `new_commands` for `rows`: the last command that went out is the present one again."""
        for state, count in zip(*np.unique(self.command_state[rows], return_counts=True), strict=True):
            self.counts[state] -= int(count)
        for name, column in self._before.items():
            getattr(self, name)[rows] = column[rows]
        for state, count in zip(*np.unique(self.command_state[rows], return_counts=True), strict=True):
            self.counts[state] += int(count)
        self.setpoint_kw[rows] = self.sent_kw[rows]

    def follow_earlier(self, positions: Rows, seq: NDArray[np.int64], valid_until_ms: NDArray[np.int64], lease_ends_at: float) -> None:
        """Rows whose vehicles may follow a setpoint that an earlier run of the engine sent, and whose answer nobody heard.

        `lease_ends_at` (monotonic): no lease of that run can last for longer.
        """
        self.counts[CommandState.PLANNED] -= len(positions)
        self.counts[CommandState.TIMED_OUT] += len(positions)
        self.command_state[positions] = CommandState.TIMED_OUT
        self.sent_kw[positions] = self.setpoint_kw[positions]
        self.seq[positions], self.valid_until_ms[positions], self.lease_ends_at[positions] = seq, valid_until_ms, lease_ends_at
        self.latest_until_ms[positions] = valid_until_ms
        self.out[positions] = True

    def set_release(self, position: int, wanted: int) -> None:
        """Change one vehicle's release state and the counts with it."""
        states = self.cells.release_state
        self.release_counts[states[position]] -= 1
        states[position] = wanted
        if wanted in _SETTLED:
            self.fresh.settled.append(position)
        self.release_counts[wanted] += 1

    def answered(self) -> NDArray[np.bool_]:
        """Rows whose vehicle acknowledged a setpoint that is in force."""
        return np.isin(self.command_state, _ANSWERED)
