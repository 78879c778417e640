"""How one site of several is written: in the strip under the header, in the list to choose from, on leaving."""

from dataclasses import dataclass
from typing import Final

from v2g_console.console.glyphs import Glyphs
from v2g_console.console.link_text import LINK_STYLE, link_dot
from v2g_console.console.model import ConsoleModel
from v2g_console.console.safe_text import Part, safe_text
from v2g_console.console.times import clock_of
from v2g_console.console.widgets.critical_line import alarm_counts
from v2g_console.contract.link import LinkState

LEVELS: Final = (3, 2, 1, 0)
"""From wordy to terse; the last tells of alarms and STOP only."""
CALM: Final = 3
"""The urgency of a site that wants nothing."""
FRESH_S: Final = 2.0
"""Younger pictures have no age: figures that change each second for nothing only draw the eye."""
_NAME_CELLS: Final = (6, 7, 12, 24)


@dataclass(frozen=True, slots=True)
class Condition:
    """How a site is: sign, word, style; `rank` sorts by urgency, the worst lowest; `believed`: its figures are those of now."""

    sign: str
    word: str
    style: str
    rank: int
    believed: bool


def condition_of(model: ConsoleModel, glyphs: Glyphs) -> Condition:
    """Of a site's engine and its link: an engine that is not heard comes before whatever it last said."""
    contact, snapshot = model.contact(), model.snapshot
    if contact.problem:
        return Condition(glyphs.cross, "gone", "bold $critical", 0, believed=False)
    if contact.late:
        return Condition(glyphs.cross, "silent", "bold $critical", 0, believed=False)
    if snapshot is None:
        return Condition(glyphs.dot_wait, "waiting", "$muted", CALM, believed=False)
    link = snapshot.link
    rank = CALM if link.state is LinkState.UP else 1 if link.state in {LinkState.DOWN, LinkState.CLOSED} else 2
    return Condition(link_dot(link.state, glyphs), link.state.value, LINK_STYLE[link.state], rank, believed=True)


def urgency(model: ConsoleModel, glyphs: Glyphs) -> int:
    """0: not heard, or a high alarm; 1: link down, STOP; 2: link unsure, a middle alarm, somebody waits for an answer; 3: calm."""
    condition, snapshot = condition_of(model, glyphs), model.snapshot
    if snapshot is None:
        return condition.rank
    high, middle, _ = alarm_counts(snapshot.alarms)
    said = 0 if high else 1 if snapshot.engine.stopped else 2 if middle or snapshot.approvals else CALM
    return min(condition.rank, said)


def site_parts(number: int, model: ConsoleModel, glyphs: Glyphs, level: int, shown: bool) -> list[Part]:
    """`1 paris-nord ● up 1H■ 2M▲ 3 disp STOPPED 2s old`; one that is not heard says since when, and its old figures are marked `~`."""
    condition = condition_of(model, glyphs)
    name = safe_text(model.site_name, _NAME_CELLS[level])
    parts: list[Part] = [(f"{number} ", "$muted"), (f" {name} " if shown and level else name, "bold reverse" if shown else "bold")]
    word = f" {condition.word}" if level > 1 or not condition.believed else ""
    if not condition.believed and condition.rank == 0:
        since = clock_of(model.heard_at_ms)
        word += f" since {since}" if level == LEVELS[0] else f" {since[:5]}"
    parts += [" " if level else "", (f"{condition.sign}{word}", condition.style)]
    return parts + _figures(model, glyphs, level, condition)


def _figures(model: ConsoleModel, glyphs: Glyphs, level: int, condition: Condition) -> list[Part]:
    """Alarms, STOP, dispatches, requests that wait, a demo; and how old they are."""
    snapshot = model.snapshot
    if snapshot is None:
        return []
    old, wordy = "" if condition.believed else "~", level == LEVELS[0]
    gap = " " if level or old else ""
    high, middle, _ = alarm_counts(snapshot.alarms)
    parts: list[Part] = []
    for count, mark, style in ((high, f"H{glyphs.critical}", "bold $critical"), (middle, f"M{glyphs.warn}", "bold $warning")):
        if count and (level or not parts):
            parts.append((f"{gap}{count}{mark if level > 1 else mark[0]}{old}", "$muted" if old else style))
    if snapshot.engine.stopped:
        parts += [gap, (f"{'STOPPED' if wordy else 'STOP'}{old}", "bold reverse $critical")]
    if not level:
        return parts
    if active := len(model.active_dispatches()):
        parts.append((f" {active}{' disp' if wordy else 'd'}{old}", "$muted" if old else ""))
    if waiting := len(snapshot.approvals):
        parts.append((f" {waiting}{' to approve' if wordy else 'ap'}{old}", "$muted" if old else "bold $warning"))
    if snapshot.engine.demo:
        parts.append((" DEMO" if wordy else " demo", "bold"))
    age_s = model.contact().age_s
    if condition.believed and age_s >= FRESH_S:
        parts.append((f" {age_s:.0f}s old", "$muted"))
    return parts
