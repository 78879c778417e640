"""Which entries of a journal somebody wants to see."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries. Times in UTC ms, from (included) and until (not); empty texts: any. `kind` is a name or its beginning up to a dot."""

    from_ms: int | None = None
    until_ms: int | None = None
    vehicle_id: str = ""
    signal: str = ""
    dispatch_id: str = ""
    kind: str = ""
    without: tuple[str, ...] = ()  # whole names of kinds
