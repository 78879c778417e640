"""Small damages to an example, as a fuzzer makes them where no coverage leads it."""

from collections.abc import Sequence

Step = tuple[int, int, bytes]
"""what to do, where (modulo the length), and with what"""

NASTY = (
    *(b"NaN", b"Infinity", b"-1", b"1e999", b"9" * 400, b"null", b"true", b"[]", b"{}", b'""', b"+", b"#", b"/", b": ", b"- "),
    *(b"\x00", b"\x1b[2J", b"\xff", b"\xe2\x80\xae", b"\n", b"\\u0000", b"\\ud800", b"\xc2\x9b", b"\xc6\xff\xff\xff\xff"),
    *(b"[" * 3000, b'{"a":' * 3000, b"\x91" * 3000),
)


def mutated(data: bytes, steps: Sequence[Step]) -> bytes:
    """`data` after the steps, at most 500 000 bytes of it."""
    for what, where, piece in steps:
        at = where % (len(data) + 1)
        match what % 6:
            case 0:
                data = data[:at] + piece + data[at:]
            case 1:
                data = data[:at] + piece + data[at + len(piece) :]
            case 2:
                data = data[:at] + data[at + 1 + len(piece) :]
            case 3:
                data = data[:at] + bytes(byte ^ (1 << (where % 8)) for byte in data[at : at + 1]) + data[at + 1 :]
            case 4:
                data = data[:at]
            case _:
                data = data + data[at:]
    return data[:500_000]
