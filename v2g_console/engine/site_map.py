"""Where vehicles are that tell no site: by id or pattern, as configured. Every v1 vehicle is one of them."""

import re
from collections.abc import Sequence
from fnmatch import translate
from typing import Final

from v2g_console.config.settings import SiteVehiclesSettings

_WILD: Final = re.compile(r"[*?\[]")


class SiteMap:
    """From a vehicle id to the name of its site. A whole id goes before patterns, an earlier pattern before a later one."""

    def __init__(self, entries: Sequence[tuple[str, str]]) -> None:
        """`entries`: pairs of id or pattern, and site."""
        self._by_id: dict[str, str] = {}
        self._patterns: list[tuple[re.Pattern[str], str]] = []
        for named, site in entries:
            if _WILD.search(named):
                self._patterns.append((re.compile(translate(named)), site))
            else:
                self._by_id.setdefault(named, site)

    @staticmethod
    def from_settings(settings: Sequence[SiteVehiclesSettings]) -> "SiteMap":
        """As written in `fleet.sites`."""
        return SiteMap([(named, one.site) for one in settings for named in one.vehicles])

    def site_of(self, vehicle_id: str) -> str:
        """Its site; "" where none is configured."""
        site = self._by_id.get(vehicle_id)
        if site is not None:
            return site
        return next((site for pattern, site in self._patterns if pattern.match(vehicle_id)), "")
