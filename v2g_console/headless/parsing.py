"""One line of JSON becomes a request, or a refusal that says what is wrong with it."""

from dataclasses import dataclass
from typing import Final, get_args

import msgspec

from v2g_console.contract.requests import HEADLESS_REQUESTS
from v2g_console.domain.text import visible
from v2g_console.headless.source import LONGEST_LINE_BYTES, InputLine

HeadlessRequest = HEADLESS_REQUESTS

KNOWN: Final = ", ".join(str(kind.__struct_config__.tag) for kind in get_args(HEADLESS_REQUESTS))
_EXAMPLE: Final = '{"request":"dispatch","signal":"FCR","power_kw":500,"duration_s":30}'
_LONGEST_TEXT: Final = 300
_decode: Final = msgspec.json.Decoder(HEADLESS_REQUESTS).decode


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that never reaches the engine. `request` is the name it gave, if it gave one."""

    request: str
    message: str
    hint: str


class _Named(msgspec.Struct, frozen=True):
    request: str = ""


def parse_line(line: InputLine) -> HeadlessRequest | BadLine:
    """The request in `line`, or what is wrong with it."""
    if line.text is None:
        return BadLine("", f"the line is longer than {LONGEST_LINE_BYTES // 1024} KiB", "one request a line")
    try:
        request: HeadlessRequest = _decode(line.text)
    except msgspec.ValidationError as error:
        return _not_valid(line.text, str(error))
    except (ValueError, RecursionError) as error:  # msgspec's own and UnicodeDecodeError are ValueErrors
        return BadLine("", _short(f"not JSON: {error}"), f"one JSON object a line, such as {_EXAMPLE}")
    return request


def _not_valid(text: bytes, message: str) -> BadLine:
    try:
        name = _short(msgspec.json.decode(text, type=_Named).request)
    except (ValueError, RecursionError):
        name = ""
    if name in KNOWN.split(", "):
        return BadLine(name, _short(f"{name}: {message}"), f"such as {_EXAMPLE}" if name == "dispatch" else "")
    if name in {"plan", "arm", "operate"}:
        return BadLine(name, f"{name} is for screens", 'to see a plan send a dispatch with "dry_run": true')
    if name:
        return BadLine(name, _short(f"unknown request {name!r}"), f"known are {KNOWN}")
    return BadLine("", _short(message), f"`request` is one of {KNOWN}")


def _short(text: str) -> str:
    return visible(text[:_LONGEST_TEXT])[:_LONGEST_TEXT]
