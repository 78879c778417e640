"""What is fuzzed: a decoder fed with bytes, the examples it starts from, and what must hold whatever it is fed."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """`feed` raises for every broken property; whatever the decoder declares to raise it swallows."""

    name: str
    feed: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    examples: int = 100
    """how many the test suite feeds; fewer for what goes through files"""


def require_visible(*texts: str) -> None:
    """No control, bidirectional or other invisible character gets any further."""
    for text in texts:
        assert text.isprintable(), f"not printable: {text!r}"


def require_told(*texts: str) -> None:
    """Messages for people: printable lines."""
    for text in texts:
        require_visible(*text.split("\n"))


def deep(opening: bytes, closing: bytes, depth: int = 3000) -> bytes:
    """Nested far beyond reason."""
    return opening * depth + closing * depth
