"""Rules for the tree of sites and feeders, and for segments."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from v2g_console.config.finding import Finding
from v2g_console.config.settings import DispatchSettings, EmphasisSettings, GridSettings, NodeSettings, SegmentSettings
from v2g_console.config.values import shown
from v2g_console.domain.ids import is_vehicle_id

MOST_LEVELS: Final = 30
"""The allocator takes 32 levels; the limit of the whole fleet is one above these."""
_MOST_HINTS: Final = 10  # each compares a name with all others; who misspelt more has understood after ten


def node_contradictions(grid: GridSettings) -> Iterator[Finding]:
    """Names that can't be used, parents that don't exist, circles, and a tree that is too deep."""
    names = [node.name for node in grid.nodes]
    yield from _name_findings("grid.nodes", names)
    known = frozenset(names)
    hints = _MOST_HINTS
    for number, node in enumerate(grid.nodes):
        if node.parent and node.parent not in known:
            close = difflib.get_close_matches(node.parent, names, n=1) if hints else []
            hints = max(0, hints - 1)
            message = f"expected the name of another node, got {shown(node.parent)}" + (f"; did you mean {close[0]}?" if close else "")
            # All names were looked at: the one that was meant may be the one that is misspelt.
            yield Finding(f"grid.nodes[{number}].parent", message, ("grid.nodes[].name",))
    yield from _circles(grid.nodes)


def segment_contradictions(segments: Sequence[SegmentSettings]) -> Iterator[Finding]:
    """Names that can't be used, and multipliers that take every weight away."""
    yield from _name_findings("segments", [segment.name for segment in segments])
    for number, segment in enumerate(segments):
        if not any(getattr(segment.emphasis, name) for name in EmphasisSettings.model_fields):
            yield Finding(f"segments[{number}].emphasis", "expected at least one multiplier above 0, got only zeros")


def node_doubts(grid: GridSettings) -> Iterator[Finding]:
    """Limits that the base load alone exceeds. The nodes make a tree."""
    load_kw = _base_loads_kw(grid.nodes)
    for number, node in enumerate(grid.nodes):
        if 0 < node.import_kw < load_kw[node.name]:
            key = f"grid.nodes[{number}].import_kw"
            yield Finding(key, f"less than the base load there and below ({load_kw[node.name]:g} kW): exceeded before any vehicle charges")


def segment_doubts(segments: Sequence[SegmentSettings], dispatch: DispatchSettings) -> Iterator[Finding]:
    """Multipliers that leave none of the configured weights."""
    for number, segment in enumerate(segments):
        if not any(getattr(dispatch.weights, name) * getattr(segment.emphasis, name) for name in EmphasisSettings.model_fields):
            key = f"segments[{number}].emphasis"
            yield Finding(
                key, "leaves none of dispatch.weights above 0: not used, the weights are taken as they are", ("dispatch.weights",)
            )


def _name_findings(path: str, names: Sequence[str]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for number, name in enumerate(names):
        key = f"{path}[{number}].name"
        if not is_vehicle_id(name):
            yield Finding(key, f"expected 1 to 64 letters, digits and . _ : - beginning with a letter or digit, got {shown(name)}")
        elif name in first:
            taken = f"{path}[{first[name]}].name"
            yield Finding(key, f"the same name as {taken}: {shown(name)}", (taken,))
        first.setdefault(name, number)


def _circles(nodes: Sequence[NodeSettings]) -> Iterator[Finding]:
    """Each circle once, at its first node in the file, and the first node that is too deep."""
    number_of = {node.name: number for number, node in reversed(list(enumerate(nodes)))}
    in_circle: set[str] = set()
    too_deep = False
    for number, node in enumerate(nodes):
        key = f"grid.nodes[{number}].parent"
        way = _way_up(nodes, number_of, node.name)
        if len(way) > 1 and way[-1] == node.name:
            if node.name not in in_circle:
                yield Finding(key, f"a circle: {_chain(way)}", tuple(f"grid.nodes[{number_of[name]}].parent" for name in way))
            in_circle.update(way)
        elif len(way) > MOST_LEVELS and len(way) == len(set(way)) and not too_deep:
            too_deep = True
            yield Finding(key, f"expected at most {MOST_LEVELS} levels, got more, or a circle")


def _way_up(nodes: Sequence[NodeSettings], number_of: Mapping[str, int], name: str) -> list[str]:
    """The names from `name` upwards, one more than there may be levels at most; a name that comes twice is the last."""
    way = [name]
    while len(way) <= MOST_LEVELS and way[-1] not in way[:-1] and (above := nodes[number_of[way[-1]]].parent) in number_of:
        way.append(above)
    return way


def _chain(way: Sequence[str]) -> str:
    shortened = way if len(way) <= 6 else [*way[:5], "...", way[-1]]
    return " > ".join(shortened)


def _base_loads_kw(nodes: Sequence[NodeSettings]) -> dict[str, float]:
    """Base load at and below each node."""
    number_of = {node.name: number for number, node in enumerate(nodes)}
    total = dict.fromkeys(number_of, 0.0)
    for node in nodes:
        for name in _way_up(nodes, number_of, node.name):
            total[name] += node.base_load_kw
    return total
