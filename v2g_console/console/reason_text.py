"""Reasons for people: a name from the closed list and what it means."""

from collections.abc import Mapping

from v2g_console.domain.reasons import EXPLANATION, Reason


def explanation(name: str) -> str:
    """What a reason means; "" for an unknown name."""
    try:
        return EXPLANATION[Reason[name]]
    except KeyError:
        return ""


def reason_words(name: str, own_words: str = "") -> str:
    """`SOC_FLOOR: at its reserve SoC`; a vehicle's own words stand behind. "" for no reason."""
    if not name or name == Reason.NONE.name:
        return own_words
    meaning = explanation(name)
    words = f"{name}: {meaning}" if meaning else name
    return f"{words} ({own_words})" if own_words and own_words != meaning else words


def by_count(left_out: Mapping[str, int]) -> list[tuple[str, int]]:
    """Reasons with their counts, most first, ties by name."""
    return sorted(left_out.items(), key=lambda pair: (-pair[1], pair[0]))
