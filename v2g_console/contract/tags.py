"""Tags: a word of warning (CAUTION) or a lock (INHIBIT) that somebody hung on a vehicle, a site or the whole fleet."""

from enum import StrEnum

import msgspec

LONGEST_NOTE_CHARS = 200
MOST_TAGS = 500


class TagKind(StrEnum):
    """What a tag does."""

    CAUTION = "CAUTION"  # plans warn, arming asks
    INHIBIT = "INHIBIT"  # takes part in nothing; released at once if it does already


class TagScope(StrEnum):
    """What a tag hangs on."""

    VEHICLE = "vehicle"
    SITE = "site"
    FLEET = "fleet"


class TagView(msgspec.Struct, frozen=True, kw_only=True):
    """One tag. `name` is the vehicle or site, "" for the whole fleet; `note` is escaped, on one line."""

    tag_id: str
    kind: TagKind
    scope: TagScope
    name: str
    note: str
    by: str
    at_ms: int

    @property
    def words(self) -> str:
        """`INHIBIT t3 on site lyon-2 by ines: roof works`."""
        where = "the whole fleet" if self.scope is TagScope.FLEET else f"{self.scope.value} {self.name}"
        return f"{self.kind.value} {self.tag_id} on {where} by {self.by}: {self.note}"


class TagsView(msgspec.Struct, frozen=True, kw_only=True):
    """All tags, oldest first."""

    tags: tuple[TagView, ...]


class InhibitedView(msgspec.Struct, frozen=True, kw_only=True):
    """What a dispatch lost to an INHIBIT: vehicles that are being released, and their regulation in kW."""

    short_id: str
    vehicles: int
    power_kw: float


class TagDone(msgspec.Struct, frozen=True, kw_only=True):
    """A tag was hung up or taken down. `durable`: the journal has it, so it survives a restart.

    `inhibited`: what running dispatches lost to it; `gap_closed`: others take over what is lost (dispatch.reallocation is not none).
    """

    tag: TagView
    durable: bool = True
    inhibited: tuple[InhibitedView, ...] = ()
    gap_closed: bool = False


def inhibited_text(done: TagDone) -> str:
    """`released at once: 2 vehicles (11 kW) of #7f3a; others close the gap`; "" if nothing was lost."""
    if not done.inhibited:
        return ""
    parts = ", ".join(
        f"{one.vehicles} {'vehicle' if one.vehicles == 1 else 'vehicles'} ({abs(one.power_kw):.1f} kW) of {one.short_id}"
        for one in done.inhibited
    )
    rest = "others close the gap" if done.gap_closed else "nobody closes the gap (dispatch.reallocation is none)"
    return f"released at once: {parts}; {rest}"
