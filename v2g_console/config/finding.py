"""What a rule between keys found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken rule: the key to look at first, what is wrong, and the other keys the rule looked at.

    `also` may hold a key of any entry, such as `grid.nodes[].name`.
    """

    key: str
    message: str
    also: tuple[str, ...] = ()
