"""The signs that the screens draw with: one set for terminals with Unicode, one in plain ASCII."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of signs, each one cell wide. `blocks`: rising bars for histograms; `eighths`: parts of the last cell of a progress bar."""

    up: str
    down: str
    dot_up: str
    dot_down: str
    dot_wait: str
    warn: str
    critical: str
    check: str
    cross: str
    cursor: str
    blocks: str
    eighths: str
    bar_full: str
    bar_empty: str
    separator: str
    ascii: bool

    def draw(self, text: str) -> str:
        """`text` with this set's arrows instead of the Unicode ones that `domain.units` writes."""
        if not self.ascii:
            return text
        return text.translate(_TO_ASCII)


ASCII_SIGNS: Final = {"▲": "^", "▼": "v", "…": "~", "●": "*", "·": "-", "–": "-", "→": ">"}
"""What stands for the signs of texts where only ASCII can be shown."""
_TO_ASCII: Final = str.maketrans(ASCII_SIGNS)

UNICODE: Final = Glyphs(
    up="▲",
    down="▼",
    dot_up="●",
    dot_down="○",
    dot_wait="◌",
    warn="▲",
    critical="■",
    check="✓",
    cross="✗",
    cursor="›",
    blocks="▁▂▃▄▅▆▇█",
    eighths=" ▏▎▍▌▋▊▉",
    bar_full="█",
    bar_empty="░",
    separator="·",
    ascii=False,
)
ASCII: Final = Glyphs(
    up="^",
    down="v",
    dot_up="*",
    dot_down="o",
    dot_wait=".",
    warn="!",
    critical="#",
    check="+",
    cross="x",
    cursor=">",
    blocks="_.:-=+*#",
    eighths=" ",
    bar_full="#",
    bar_empty=".",
    separator="-",
    ascii=True,
)


def glyphs_for(ascii_only: bool) -> Glyphs:
    """The set to draw with."""
    return ASCII if ascii_only else UNICODE


def histogram(counts: tuple[int, ...], glyphs: Glyphs) -> str:
    """One bar a bin, scaled to the largest; a bin with anything in it is never drawn as empty."""
    top = max(counts, default=0)
    if top <= 0:
        return glyphs.blocks[0] * len(counts)
    steps = len(glyphs.blocks) - 1
    return "".join(glyphs.blocks[0] if count <= 0 else glyphs.blocks[max(1, -(-count * steps // top))] for count in counts)


def progress_bar(share: float, width_cells: int, glyphs: Glyphs) -> str:
    """A bar of `width_cells` filled to `share` (0..1); full only at 1."""
    share = min(1.0, max(0.0, share))
    parts = len(glyphs.eighths)
    filled = int(share * width_cells * parts)
    whole, rest = divmod(filled, parts)
    last = glyphs.eighths[rest] if rest and whole < width_cells else ""
    return glyphs.bar_full * whole + last + glyphs.bar_empty * (width_cells - whole - len(last))
