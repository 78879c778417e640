"""What is written in the composer's fields: checked as it is typed, with a word on each field, and turned into a request."""

import math
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Final

from v2g_console.contract.requests import Plan
from v2g_console.domain.signal import PRODUCTS, Headroom, Signal, UnknownSignalError, WrongDirectionError, parse_signal
from v2g_console.domain.start_time import parse_start, start_words
from v2g_console.domain.units import duration_text, parse_duration_s

UP_WORDS: Final = "up: inject more / draw less"
DOWN_WORDS: Final = "down: inject less / draw more"
AS_CONFIGURED: Final = "as configured"
PREEMPT_WORDS: Final = ("no", "yes")
TEST_WORDS: Final = ("no", "yes")
PARTIAL_WORDS: Final = (AS_CONFIGURED, "yes", "no")
_NAMES_SHOWN: Final = 6


@dataclass(frozen=True, slots=True)
class FieldTexts:
    """The fields as typed. The defaults show a whole life cycle on a demo fleet."""

    signal: str = "FCR"
    power: str = "300"
    duration: str = "60s"
    sites: str = ""
    segments: str = ""
    allocator: str = ""
    preempt: str = "no"
    partial: str = AS_CONFIGURED
    start: str = ""
    reference: str = ""
    note: str = ""
    test: str = "no"


@dataclass(frozen=True, slots=True)
class Known:
    """What the engine knows that names in the fields can refer to."""

    sites: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    allocators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Word:
    """What is said beside a field; `wrong` if it must be changed."""

    text: str
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """The request, if every field is right; and a word on each field."""

    request: Plan | None
    signal: Word
    power: Word
    duration: Word
    sites: Word
    segments: Word
    allocator: Word
    options: Word
    start: Word
    reference: Word
    note: Word
    test: Word


def check_fields(texts: FieldTexts, known: Known, vehicles: tuple[str, ...] = (), *, now_utc_s: float | None = None) -> Checked:
    """Check all fields. `Known` tables that are still empty let any name through: the engine says what is wrong with it.

    `vehicles`: ids that the dispatch is limited to, besides what the fields say; () for all. `now_utc_s`: what a start is counted from;
    None: this machine's clock.
    """
    power_kw, power = _power(texts.power)
    signal, signed_kw, signal_word, direction = _signal(texts.signal, power_kw)
    duration_s, duration = _duration(texts.duration, "its start" if texts.start.strip() else "sending")
    sites, sites_word = _names(texts.sites, known.sites, "site")
    segments, segments_word = _names(texts.segments, known.segments, "segment")
    allocator, allocator_word = _allocator(texts.allocator, known.allocators)
    start_at, start = _start(texts.start, time.time() if now_utc_s is None else now_utc_s)
    if not power.wrong and direction.text:
        power = direction
    test = Word("marked TEST wherever it is shown; vehicles get real setpoints" if texts.test == "yes" else "")
    said = (start, Word("the grid operator's, kept with it"), Word("for the others, kept with it"), test)
    words = (signal_word, power, duration, sites_word, segments_word, allocator_word, _options(texts), *said)
    request = None
    if signal is not None and signed_kw is not None and duration_s is not None and not any(word.wrong for word in words):
        request = Plan(
            signal=signal.value,
            power_kw=signed_kw,
            duration_s=duration_s,
            allocator=allocator,
            sites=sites,
            segments=segments,
            vehicles=vehicles,
            preempt=texts.preempt == "yes",
            start_at=start_at,
            external_ref=texts.reference.strip(),
            note=texts.note.strip(),
            test=texts.test == "yes",
            accept_partial=None if texts.partial == AS_CONFIGURED else texts.partial == "yes",
        )
    return Checked(request, *words)


def direction_words(power_kw: float) -> str:
    """The sign in words."""
    return UP_WORDS if power_kw >= 0 else DOWN_WORDS


def typed_power_matches(typed: str, requested_kw: float) -> bool:
    """True if the operator typed the power of the plan, with or without its sign."""
    power_kw, _ = _power(typed)
    return power_kw is not None and math.isclose(abs(power_kw), abs(requested_kw), rel_tol=0.0, abs_tol=0.05)


def read_power(text: str) -> float | None:
    """The kW that a person wrote: `1 500,5`, `-300 kW`; None if that is no finite number."""
    written = re.sub(r"[\s_]|kw$", "", text.strip().lower()).replace(",", ".").replace("−", "-")
    try:
        power_kw = float(written)
    except ValueError:
        return None
    return power_kw if math.isfinite(power_kw) else None


def _power(text: str) -> tuple[float | None, Word]:
    power_kw = read_power(text)
    if power_kw is None:
        return None, Word("expected kW, for example 300 (up) or -300 (down)", wrong=True)
    if power_kw == 0.0:
        return None, Word("expected kW other than 0, for example 300 (up) or -300 (down)", wrong=True)
    return power_kw, Word("")


def _signal(name: str, power_kw: float | None) -> tuple[Signal | None, float | None, Word, Word]:
    """Signal, signed power, a word on the signal, a word on the power."""
    try:
        signal, signed_kw = parse_signal(name, 1.0 if power_kw is None else power_kw)
    except UnknownSignalError:
        return None, None, Word(f"expected one of {', '.join(Signal)}", wrong=True), Word("")
    except WrongDirectionError as error:
        return None, None, Word(""), Word(str(error), wrong=True)
    arrow = "▲" if signed_kw >= 0 else "▼"
    return signal, None if power_kw is None else signed_kw, Word(_product_words(signal)), Word(f"{arrow} {direction_words(signed_kw)}")


def _product_words(signal: Signal) -> str:
    product = PRODUCTS[signal]
    words = [product.note] if product.note else []
    if product.headroom is Headroom.BOTH:
        words.append("needs room both ways")
    if product.reduction_only:
        words.append("reduces charging, injects nothing")
    if product.min_soc:
        words.append(f"SoC from {product.min_soc:.2f}")
    if product.needs_v2g:
        words.append("V2G only")
    return ", ".join(words)


def _duration(text: str, begins: str) -> tuple[float | None, Word]:
    try:
        duration_s = parse_duration_s(text)
    except (ValueError, OverflowError):
        return None, Word("expected a time such as 30s, 5m or 1h30m", wrong=True)
    if not math.isfinite(duration_s) or duration_s <= 0:
        return None, Word("expected a time above 0, such as 30s, 5m or 1h30m", wrong=True)
    return duration_s, Word(f"{duration_text(duration_s)} from {begins}")


def _start(text: str, now_utc_s: float) -> tuple[str | None, Word]:
    """RFC 3339, None for now; the word says day and zone."""
    if not text.strip():
        tomorrow = datetime.fromtimestamp(now_utc_s + 86_400, UTC)
        return None, Word(f"now; 18:30 local; 18:30Z; {tomorrow:%Y-%m-%d}T18:30:00Z")
    try:
        moment = parse_start(text, now_utc_s)
    except ValueError as error:
        return None, Word(str(error), wrong=True)
    return moment.isoformat(), Word(start_words(moment.isoformat()))


def _names(text: str, known: tuple[str, ...], kind: str) -> tuple[tuple[str, ...], Word]:
    """Names separated by commas or spaces, `*` allowed, none for all."""
    wanted = [name for name in re.split(r"[,\s]+", text.strip()) if name]
    if not wanted:
        return (), Word(f"all {kind}s" + (f" ({len(known)})" if known else ""))
    if not known:
        return tuple(wanted), Word(f"no {kind} is known yet", wrong=False)
    found: list[str] = []
    for name in wanted:
        hits = [one for one in known if fnmatchcase(one.lower(), name.lower())]
        if not hits:
            return (), Word(f"no {kind} {name[:24]!r}: known are {_listed(known)}", wrong=True)
        found += [one for one in hits if one not in found]
    return tuple(found), Word(f"{len(found)} of {len(known)}: {_listed(tuple(found))}")


def _allocator(text: str, known: tuple[str, ...]) -> tuple[str | None, Word]:
    name = text.strip().lower()
    if not name:
        return None, Word(f"as configured; or {', '.join(known)}" if known else "as configured")
    if known and name not in known:
        return None, Word(f"expected {' or '.join(known)}, or nothing", wrong=True)
    return name, Word("")


def _options(texts: FieldTexts) -> Word:
    said = ["takes from lower ranks"] if texts.preempt == "yes" else []
    if texts.partial != AS_CONFIGURED:
        said.append("a shortfall is sent" if texts.partial == "yes" else "a shortfall is refused")
    return Word(", ".join(said))


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
