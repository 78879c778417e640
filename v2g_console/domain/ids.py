"""What counts as an identifier; checked at every entrance before an id reaches a topic, a file or a screen."""

import re

VEHICLE_ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}"
_VEHICLE_ID = re.compile(VEHICLE_ID_PATTERN, re.ASCII)


def is_vehicle_id(text: str) -> bool:
    """True if `text` may name a vehicle (and also a site or segment): 1 to 64 harmless characters."""
    return _VEHICLE_ID.fullmatch(text) is not None


def command_id(dispatch_id: str, seq: int, position: int) -> str:
    """The id of one command: `<dispatch id>-<seq>-<position>`. `position` is the row in the dispatch's columns."""
    return f"{dispatch_id}-{seq}-{position}"


def split_command_id(text: str) -> tuple[str, int, int] | None:
    """`(dispatch id, seq, position)` of a command id, or None if it can't be one of ours."""
    head, _, position = text.rpartition("-")
    dispatch_id, _, seq = head.rpartition("-")
    if not dispatch_id or not (position.isdecimal() and seq.isdecimal()) or len(position) > 9 or len(seq) > 16:
        return None
    return dispatch_id, int(seq), int(position)
