"""The journal's filter: words with a key (`vehicle:`, `kind:`, ...) are asked of the engine, all others narrow what came.

Without a kind the noisy ones are left out; `kind:all` brings them back.
"""

from dataclasses import dataclass
from typing import Final

from v2g_console.contract.journal_kinds import kind_problem
from v2g_console.contract.requests import Journal

KEYS: Final = ("vehicle", "signal", "dispatch", "kind")
ANY_KIND: Final = "all"
NOISE: Final = ("dispatch.progress", "request.accepted", "request.refused")
"""Kinds left out unless a kind is asked for: each act stands there as `request`, with what came of it, and progress buries the rest."""
_ACTS: Final = "request"
"""The kind that is also the beginning of two noisy ones, which are asked for by their whole name."""


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """What the operator wrote, taken apart. `unknown` is the first key that does not exist; `problem` tells it, or an unknown kind."""

    vehicle: str = ""
    signal: str = ""
    dispatch: str = ""
    kind: str = ""
    word: str = ""
    unknown: str = ""

    def request(self, before: int, limit: int) -> Journal:
        """The question to the engine."""
        return Journal(
            before=before,
            limit=limit,
            vehicle_id=self.vehicle,
            signal=self.signal,
            dispatch_id=self.dispatch.removeprefix("#"),
            kind="" if self.kind == ANY_KIND else self.kind,
            without=NOISE if self.kind in {"", _ACTS} else (),
        )

    @property
    def of_no_kind(self) -> bool:
        """Whether the engine could only refuse it; so it is while a kind is being typed."""
        return self.kind != ANY_KIND and bool(kind_problem(self.kind))

    @property
    def problem(self) -> str:
        """What can't find anything, and what exists instead; "" if nothing is wrong."""
        if self.unknown:
            return f"no filter {self.unknown}:, there are {', '.join(f'{key}:' for key in KEYS)}"
        return "" if self.kind == ANY_KIND else kind_problem(self.kind)

    @property
    def asked(self) -> tuple[str, str, str, str]:
        """What the engine filters by; while it is the same, nothing has to be asked anew."""
        return self.vehicle, self.signal, self.dispatch, self.kind


def journal_filter(text: str) -> JournalFilter:
    """`kind:request ana` and the like. A key without a value is taken as not written yet."""
    found = dict.fromkeys(KEYS, "")
    words, unknown = [], ""
    for part in text.split():
        key, colon, value = part.partition(":")
        if colon and key.lower() in found:
            found[key.lower()] = value
        elif colon and key.isalpha() and not unknown:
            unknown = key
        else:
            words.append(part)
    return JournalFilter(**found, word=" ".join(words), unknown=unknown)
