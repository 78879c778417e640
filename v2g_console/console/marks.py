"""Vehicles that the operator marked. Marks are ids: no filter, order or arrival moves them to another vehicle."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

MOST_MARKS: Final = 10_000
"""A request that names this many vehicles still fits one message to the engine (64 characters an id, 1 MiB a message)."""


class Marks:
    """The marked ids, in the order they were marked. `revision` grows with each change."""

    def __init__(self) -> None:
        self.revision = 0
        self._ids: dict[str, None] = {}
        self._mask: tuple[int, tuple[str, ...], NDArray[np.bool_]] | None = None

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, vehicle_id: object) -> bool:
        return vehicle_id in self._ids

    @property
    def ids(self) -> tuple[str, ...]:
        """The marked vehicles."""
        return tuple(self._ids)

    def turn(self, vehicle_id: str) -> bool:
        """Mark a vehicle, or take its mark away. False if there are too many marks already; then nothing changed."""
        if vehicle_id in self._ids:
            del self._ids[vehicle_id]
            self.revision += 1
            return True
        return self.add([vehicle_id])

    def add(self, vehicle_ids: Sequence[str]) -> bool:
        """Mark vehicles. All of them or, if that were too many, none: False."""
        fresh = dict.fromkeys(one for one in vehicle_ids if one not in self._ids)
        if len(self._ids) + len(fresh) > MOST_MARKS:
            return False
        self._ids |= fresh
        self.revision += 1
        return True

    def clear(self) -> None:
        """No marks."""
        self._ids.clear()
        self.revision += 1

    def mask(self, ids: tuple[str, ...]) -> NDArray[np.bool_]:
        """Shape (n,): which of a fleet's `ids` are marked. Made anew only for other marks or another fleet."""
        known = self._mask
        if known is None or known[0] != self.revision or known[1] is not ids:
            marked = np.fromiter(map(self._ids.__contains__, ids), np.bool_, len(ids))
            known = self._mask = (self.revision, ids, marked)
        return known[2]
