"""Counts of vehicles, not of rows: a vehicle that a dispatch let go and took again has a row for each time, and the newest counts."""

import numpy as np
from numpy.typing import NDArray

from v2g_console.engine.dispatch import Running


def vehicles_of(running: Running) -> int:
    """How many vehicles the dispatch has taken so far."""
    return len(running) - int(np.count_nonzero(running.earlier))


def command_counts(running: Running) -> list[int]:
    """Vehicles by the `CommandState` of their newest command."""
    return _without(running.counts, running.command_state[running.earlier])


def release_counts(running: Running) -> list[int]:
    """Vehicles by the `ReleaseState` of their newest release."""
    return _without(running.release_counts, running.release_state[running.earlier])


def times_taken(running: Running) -> NDArray[np.intp]:
    """How often each row's vehicle was taken by this dispatch, 1 for nearly all."""
    _, of, times = np.unique(running.rows, return_inverse=True, return_counts=True)
    taken: NDArray[np.intp] = times[of]
    return taken


def _without(counts: list[int], states: NDArray[np.uint8]) -> list[int]:
    return [count - int(gone) for count, gone in zip(counts, np.bincount(states, minlength=len(counts)), strict=True)]
