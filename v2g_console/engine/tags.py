"""The tags that hang on vehicles, sites and the fleet, and what they mean for each vehicle. What hanging one up does: `tagging`."""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.tags import TagKind, TagScope, TagView
from v2g_console.engine.fleet import Fleet

Rows = NDArray[np.intp]
CAUTIONED: Final = 1
INHIBITED: Final = 2
_MARK_OF: Final = {TagKind.CAUTION: CAUTIONED, TagKind.INHIBIT: INHIBITED}


class Tags:
    """Tags by id, oldest first. They hang on names, so that a vehicle that comes later, or moves to another site, has them too."""

    def __init__(self) -> None:
        self._tags: dict[str, TagView] = {}

    def __len__(self) -> int:
        return len(self._tags)

    def views(self) -> tuple[TagView, ...]:
        """All of them."""
        return tuple(self._tags.values())

    def get(self, tag_id: str) -> TagView | None:
        """The tag of that id."""
        return self._tags.get(tag_id)

    def hang(self, tag: TagView) -> None:
        """Put it up."""
        self._tags[tag.tag_id] = tag

    def take_down(self, tag_id: str) -> None:
        """Remove it; an unknown id does nothing."""
        self._tags.pop(tag_id, None)

    def restore(self, tags: Iterable[TagView]) -> None:
        """Those of an earlier run."""
        self._tags = {tag.tag_id: tag for tag in tags}

    def marks(self, fleet: Fleet) -> NDArray[np.uint8]:
        """0, CAUTIONED or INHIBITED for each of the fleet's n vehicles: the strongest tag counts."""
        of_fleet, of_site = 0, np.zeros(len(fleet.sites.names) + 1, np.uint8)  # the last one is no site
        of_vehicle: dict[int, int] = {}
        for tag in self._tags.values():
            mark = _MARK_OF[tag.kind]
            match tag.scope:
                case TagScope.FLEET:
                    of_fleet = max(of_fleet, mark)
                case TagScope.SITE if tag.name in fleet.sites.index:
                    site = fleet.sites.index[tag.name]
                    of_site[site] = max(of_site[site], mark)
                case TagScope.VEHICLE if tag.name in fleet.row_of:
                    row = fleet.row_of[tag.name]
                    of_vehicle[row] = max(of_vehicle.get(row, 0), mark)
        marks = np.maximum(of_site, np.uint8(of_fleet))[fleet.site[: len(fleet)]]
        for row, mark in of_vehicle.items():
            marks[row] = max(marks[row], mark)
        return marks

    def inhibited(self, fleet: Fleet) -> NDArray[np.bool_]:
        """Which of the fleet's n vehicles take part in nothing."""
        inhibited: NDArray[np.bool_] = self.marks(fleet) == INHIBITED
        return inhibited

    def cautions(self, fleet: Fleet, rows: Rows) -> tuple[TagView, ...]:
        """The CAUTION tags that concern any of `rows`."""
        among = np.zeros(len(fleet), np.bool_)
        among[rows] = True
        found = (tag for tag in self._tags.values() if tag.kind is TagKind.CAUTION)
        return tuple(tag for tag in found if among[self._rows(fleet, tag)].any())

    def of(self, fleet: Fleet, row: int) -> tuple[TagView, ...]:
        """The tags of one vehicle: its own, its site's, the fleet's."""
        site = fleet.sites.name(int(fleet.site[row]))
        names = {TagScope.VEHICLE: fleet.ids[row], TagScope.SITE: site, TagScope.FLEET: ""}
        return tuple(tag for tag in self._tags.values() if tag.name == names[tag.scope] and (tag.name or tag.scope is TagScope.FLEET))

    @staticmethod
    def _rows(fleet: Fleet, tag: TagView) -> Rows:
        """The vehicles under a tag."""
        match tag.scope:
            case TagScope.VEHICLE:
                row = fleet.row_of.get(tag.name)
                return np.array([] if row is None else [row], np.intp)
            case TagScope.SITE:
                return np.flatnonzero(fleet.site[: len(fleet)] == fleet.sites.index.get(tag.name, -2))
            case TagScope.FLEET:
                return np.arange(len(fleet))
