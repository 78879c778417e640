"""No secret gets into a recording: every text of a moment passes the mask that logs pass. (Ids and sites of vehicles are not texts.)"""

from collections.abc import Callable
from typing import Any

import msgspec

from v2g_console.attach.frames import encode
from v2g_console.attach.recording import NO_PICTURE, Moment
from v2g_console.config.redact import redacted


class _Loose(msgspec.Struct, frozen=True, kw_only=True):
    """A `picture.Picture`, its parts as they are on the wire."""

    number: int
    base: int
    dispatches: msgspec.Raw
    fleet: msgspec.Raw
    small: msgspec.Raw


def masked_moment(moment: Moment, mask: Callable[[str], str] = redacted) -> bytes:
    """`moment` packed, with every secret in it replaced."""
    picture = None
    if bytes(moment.picture):
        loose = msgspec.msgpack.decode(moment.picture, type=_Loose)
        picture = msgspec.structs.replace(loose, dispatches=_masked(loose.dispatches, mask), small=_masked(loose.small, mask))
    rest = msgspec.msgpack.decode(encode(msgspec.structs.replace(moment, picture=NO_PICTURE)))
    clean = _clean(rest, mask)
    if picture is not None:
        clean["picture"] = picture
    return encode(clean)


def _masked(raw: msgspec.Raw, mask: Callable[[str], str]) -> msgspec.Raw:
    return msgspec.Raw(encode(_clean(msgspec.msgpack.decode(raw), mask)))


def _clean(value: Any, mask: Callable[[str], str]) -> Any:
    match value:
        case str():
            return mask(value)
        case dict():
            return {_clean(key, mask): _clean(item, mask) for key, item in value.items()}
        case list():
            return [_clean(item, mask) for item in value]
        case _:
            return value
