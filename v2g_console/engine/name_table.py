"""Names from the network as small integers: sites, segments, fleets."""

from dataclasses import dataclass, field

from v2g_console.domain.ids import is_vehicle_id


@dataclass(slots=True)
class NameTable:
    """Names (sites, segments, fleets) and their small integers. Refuses names that are no identifiers."""

    names: list[str] = field(default_factory=list)
    index: dict[str, int] = field(default_factory=dict)

    def code(self, name: str) -> int:
        """The integer of `name`, made if new; -1 for an empty or unusable name."""
        known = self.index.get(name)
        if known is not None:
            return known
        if not is_vehicle_id(name) or len(self.names) >= 100_000:
            return -1
        self.index[name] = len(self.names)
        self.names.append(name)
        return self.index[name]

    def name(self, code: int) -> str:
        """The name of a code; "" for -1."""
        return self.names[code] if code >= 0 else ""
