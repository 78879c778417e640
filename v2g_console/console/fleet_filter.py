"""The filter language of fleet lists, evaluated over whole columns.

Terms are separated by spaces and all must hold; `!` in front of a term turns it round; `"..."` takes what is in it as it is.

    paris            id, site or state contains `paris` (case is ignored)
    site:paris*      field is the pattern; `*` stands for anything; without `*` the whole name, else what begins so
    tag:inhibit      so do id, segment, owner, state, quality, reason, tag (none, caution, inhibit) and protocol (1, 2)
    soc<0.3          a number compares with `<`, `<=`, `>`, `>=`, `=`; `30%` is 0.3; an unknown number holds no comparison
    is:v2g           v2g, available, owned, fresh, stale, lost, unknown, held (left alone for a while after failures), tagged,
                     inhibited, marked
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from v2g_console.contract.snapshot import FLEET_STATE_NAMES, FleetColumns
from v2g_console.domain.reasons import Reason
from v2g_console.domain.vehicle import Quality

Bool = NDArray[np.bool_]
Lowered = NDArray[np.str_]
Numbers = NDArray[np.float32]
Codes = NDArray[np.integer[Any]]

LONGEST_FILTER_CHARS: Final = 200
_LONGEST_ID_CHARS: Final = 64
_QUALITIES: Final = tuple(quality.name.lower() for quality in Quality)
_REASONS: Final = tuple(reason.name.lower() for reason in Reason)
_EQUAL_WITHIN: Final = 0.005
"""Values are shown with one or two decimals, so that is how closely `=` compares."""
_COMPARE: Final[dict[str, Callable[[Numbers, np.float32], Any]]] = {
    "<=": np.less_equal,
    ">=": np.greater_equal,
    "<": np.less,
    ">": np.greater,
    "=": lambda values, number: np.abs(values - number) < _EQUAL_WITHIN,
}
_NUMBERS: Final[dict[str, Callable[[FleetColumns], NDArray[np.float32]]]] = {
    "soc": lambda columns: columns.soc,
    "power": lambda columns: columns.power_kw,
    "setpoint": lambda columns: columns.setpoint_kw,
    "up": lambda columns: columns.up_kw,
    "down": lambda columns: columns.down_kw,
    "reserve": lambda columns: np.full(len(columns), np.nan, np.float32) if columns.reserve_soc is None else columns.reserve_soc,
    "charge": lambda columns: columns.max_charge_kw,
    "discharge": lambda columns: columns.max_discharge_kw,
}
_SHARES: Final = frozenset({"soc", "reserve"})
TAG_NAMES: Final = ("none", "caution", "inhibit")
"""What `tag:` compares with; index as in TAG_MARKS."""
_PROTOCOLS: Final = tuple(str(number) for number in range(10))
_NAMES: Final[dict[str, Callable[[FleetColumns], tuple[tuple[str, ...], Codes]]]] = {
    "site": lambda columns: (columns.sites, columns.site),
    "segment": lambda columns: (columns.segments, columns.segment),
    "owner": lambda columns: (columns.owners, columns.owner),
    "state": lambda columns: (FLEET_STATE_NAMES, columns.state),
    "quality": lambda columns: (_QUALITIES, columns.quality),
    "reason": lambda columns: (_REASONS, columns.reason),
    "tag": lambda columns: (TAG_NAMES, np.zeros(len(columns), np.uint8) if columns.tag is None else columns.tag),
    "protocol": lambda columns: (_PROTOCOLS, columns.protocol),
}
_MARKED: Final = "marked"
_FLAGS: Final[dict[str, Callable[[FleetColumns], Bool]]] = {
    "v2g": lambda columns: columns.is_v2g,
    "available": lambda columns: columns.available,
    "owned": lambda columns: columns.owner >= 0,
    "fresh": lambda columns: columns.quality == Quality.FRESH,
    "stale": lambda columns: columns.quality == Quality.STALE,
    "lost": lambda columns: columns.quality == Quality.LOST,
    "unknown": lambda columns: columns.quality == Quality.UNKNOWN,
    "held": lambda columns: np.zeros(len(columns), np.bool_) if columns.on_hold is None else columns.on_hold,
    "tagged": lambda columns: np.zeros(len(columns), np.bool_) if columns.tag is None else columns.tag > 0,
    "inhibited": lambda columns: np.zeros(len(columns), np.bool_) if columns.tag is None else columns.tag > 1,
}
_FIELDS: Final = ("id", "is", *_NAMES, *_NUMBERS)
_EXAMPLES: Final = {
    "id": "veh0*",
    "site": "paris*",
    "segment": "home",
    "state": "silent",
    "quality": "stale",
    "owner": "7f3a*",
    "tag": "inhibit",
    "protocol": "1",
    "is": "v2g",
}


class FilterError(ValueError):
    """A term that can't be understood; the message says what was expected."""


class IdTable:
    """Ids of a fleet in lower case as one array, and their order; each made once for a table of ids."""

    def __init__(self) -> None:
        self._source: tuple[str, ...] = ()
        self._lowered: Lowered = np.empty(0, dtype=np.str_)
        self._order: NDArray[np.intp] | None = None

    def lowered(self, ids: tuple[str, ...]) -> Lowered:
        """Shape (n,), lower case."""
        if ids is not self._source:
            # One over-long id must not widen the whole array: ids have at most 64 characters.
            width = min(_LONGEST_ID_CHARS, max(map(len, ids), default=1)) or 1
            self._source = ids
            self._lowered = np.strings.lower(np.array(ids, dtype=f"U{width}"))
            self._order = None
        return self._lowered

    def order(self, ids: tuple[str, ...]) -> NDArray[np.intp]:
        """Shape (n,): rows by id."""
        lowered = self.lowered(ids)
        if self._order is None:
            self._order = np.argsort(lowered, kind="stable")
        return self._order


@dataclass(frozen=True, slots=True)
class Contains:
    """A bare word: part of the id, the site or the state; with `*` a pattern for one of them.

    `field`: what stands before its colon, which may have been meant as a field that does not exist.
    """

    text: str
    field: str = ""

    def mask(self, columns: FleetColumns, ids: Lowered, marked: Bool | None) -> Bool:
        """Shape (n,): where it holds."""
        if "*" in self.text:
            in_ids = _glob(ids, self.text)
            names = [_glob(_lowered(table), self.text) for table in (columns.sites, FLEET_STATE_NAMES)]
        else:
            in_ids = np.strings.find(ids, self.text) >= 0
            names = [np.strings.find(_lowered(table), self.text) >= 0 for table in (columns.sites, FLEET_STATE_NAMES)]
        return in_ids | _spread(names[0], columns.site) | _spread(names[1], columns.state)


@dataclass(frozen=True, slots=True)
class Named:
    """`field:pattern`."""

    field: str
    pattern: str

    def mask(self, columns: FleetColumns, ids: Lowered, marked: Bool | None) -> Bool:
        """Shape (n,): where it holds."""
        if self.field == "id":
            return _matches(ids, self.pattern)
        table, codes = _NAMES[self.field](columns)
        # A dispatch is known to people by its short id, "#7f3a".
        return _spread(_matches(_lowered(table), self.pattern.removeprefix("#")), codes)


@dataclass(frozen=True, slots=True)
class Compared:
    """`field<number`."""

    field: str
    operator: str
    number: float

    def mask(self, columns: FleetColumns, ids: Lowered, marked: Bool | None) -> Bool:
        """Shape (n,): where it holds; never where the value is unknown."""
        holds: Bool = _COMPARE[self.operator](_NUMBERS[self.field](columns), np.float32(self.number))
        return holds


@dataclass(frozen=True, slots=True)
class Flagged:
    """`is:flag`."""

    flag: str

    def mask(self, columns: FleetColumns, ids: Lowered, marked: Bool | None) -> Bool:
        """Shape (n,): where it holds."""
        if self.flag == _MARKED:
            return np.zeros(len(columns), np.bool_) if marked is None else marked
        return _FLAGS[self.flag](columns)


Test = Contains | Named | Compared | Flagged


@dataclass(frozen=True, slots=True)
class Term:
    """One term; `inverse` for a leading `!`."""

    test: Test
    inverse: bool

    def mask(self, columns: FleetColumns, ids: Lowered, marked: Bool | None) -> Bool:
        """Shape (n,): where it holds."""
        found = self.test.mask(columns, ids, marked)
        return ~found if self.inverse else found


@dataclass(frozen=True, slots=True)
class FleetFilter:
    """Terms that must all hold; no terms let everything through."""

    terms: tuple[Term, ...] = ()

    @property
    def looks_at_marks(self) -> bool:
        """True if a mark that is set or taken away changes what passes."""
        return any(isinstance(term.test, Flagged) and term.test.flag == _MARKED for term in self.terms)

    def mask(self, columns: FleetColumns, ids: Lowered, marked: Bool | None = None) -> Bool | None:
        """Shape (n,): which vehicles pass; None means all. `ids` is `IdTable.lowered`, `marked` the operator's marks (None: none)."""
        found: Bool | None = None
        for term in self.terms:
            one = term.mask(columns, ids, marked)
            found = one if found is None else found & one
        return found


@dataclass(frozen=True, slots=True)
class Parsed:
    """The terms that are right, and what is wrong with the others; a half-typed `soc<` is wrong until its number comes."""

    filter: FleetFilter
    problems: tuple[str, ...]

    @property
    def nothing_found(self) -> str:
        """What to say where no vehicle passes: which words were no fields, and which fields there are; "" if all of them are."""
        fields = [term.test.field for term in self.filter.terms if isinstance(term.test, Contains) and term.test.field]
        if not fields:
            return ""
        return f"no field is called {', '.join(fields)}, so that was looked for as text; there are {', '.join(_FIELDS)}"


def parse_filter(text: str) -> Parsed:
    """The filter written in `text`. Never raises: a term that can't be understood is left out and told in `problems`."""
    if len(text) > LONGEST_FILTER_CHARS:
        return Parsed(FleetFilter(), (f"a filter has at most {LONGEST_FILTER_CHARS} characters",))
    terms: list[Term] = []
    problems: list[str] = []
    for word in _WORDS.findall(text.lower()):
        try:
            terms.append(_term(word))
        except FilterError as error:
            problems.append(str(error))
    return Parsed(FleetFilter(tuple(terms)), tuple(problems))


_WORDS: Final = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
"""Text up to a space that is not between quotes; the last quote may still be missing while a filter is typed."""


def _term(word: str) -> Term:
    inverse = word.startswith("!")
    body = word.removeprefix("!")
    plain = body.replace('"', "")
    if not plain:
        raise FilterError(
            "! must be followed by a term, for example !state:idle" if inverse else '"" is empty: write a text between the quotes'
        )
    return Term(Contains(plain) if body.startswith('"') else _test(plain), inverse)


def _test(body: str) -> Test:
    cut = next((at for at, char in enumerate(body) if char in "<>=:"), -1)
    field = _full_name(body[:cut]) if cut > 0 else None
    if field is None:
        # Ids may hold colons, so an unknown field with a colon is a word; a comparison can't be part of an id.
        if cut >= 0 and body[cut] != ":":
            raise FilterError(f"{body[:cut] or body!r} is no number: compare {', '.join(_NUMBERS)}")
        meant = get_close_matches(body[:cut], ("is", *_NAMES), 1, 0.8) if cut > 0 else []
        if meant:
            raise FilterError(f'no field {body[:cut]}: write {meant[0]}:, or "{body}" for a text with a colon')
        return Contains(body, body[:cut] if cut > 0 else "")
    if body[cut] == ":":
        return _named(field, body[cut + 1 :])
    return _compared(field, body[cut:])


def _full_name(field: str) -> str | None:
    return {"seg": "segment", "dispatch": "owner", "kw": "power"}.get(field, field if field in _FIELDS else None)


def _named(field: str, pattern: str) -> Test:
    if field == "is":
        if pattern not in _FLAGS and pattern != _MARKED:
            raise FilterError(f"is:{pattern} is not known: write is:{', is:'.join((*_FLAGS, _MARKED))}")
        return Flagged(pattern)
    if field in _NUMBERS:
        raise FilterError(f"{field} is a number: write {field}<{'0.3' if field in _SHARES else '5'}")
    if not pattern:
        raise FilterError(f"{field}: expects a name, for example {field}:{_example(field)}")
    tables = {"state": FLEET_STATE_NAMES, "quality": _QUALITIES, "reason": _REASONS, "tag": TAG_NAMES, "protocol": _PROTOCOLS}
    if field in tables and not _matches(_lowered(tables[field]), pattern).any():
        raise FilterError(f"no {field} is called {pattern!r}: {', '.join(tables[field])}")
    return Named(field, pattern)


def _compared(field: str, rest: str) -> Test:
    operator = next(sign for sign in _COMPARE if rest.startswith(sign))
    written = rest[len(operator) :]
    if field not in _NUMBERS:
        if operator == "=" and field != "is":
            return _named(field, written)
        raise FilterError(f"{field} is no number: write {field}:{_example(field)}")
    try:
        number = float(written.removesuffix("%").replace(",", ".")) / (100.0 if written.endswith("%") else 1.0)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise FilterError(f"{field}{operator} expects a number, for example {field}{operator}{'0.3' if field in _SHARES else '5'}")
    return Compared(field, operator, number)


def _example(field: str) -> str:
    return _EXAMPLES.get(field, "soc_floor")


def _lowered(table: tuple[str, ...]) -> Lowered:
    """Names in lower case; the loop is over a table of names, not over vehicles."""
    return np.array([name.lower() for name in table], dtype=np.str_)


def _spread(by_name: Bool, codes: Codes) -> Bool:
    """A mask over names, brought to vehicles by their codes; -1 (none) and codes beyond the table don't match."""
    table = np.append(by_name, False)
    taken: Bool = table[np.where(codes < len(by_name), codes, len(by_name))]
    return taken


def _matches(names: Lowered, pattern: str) -> Bool:
    """With `*` a pattern; else names equal to it if there are any, else names that begin with it."""
    if "*" in pattern:
        return _glob(names, pattern)
    same: Bool = names == pattern
    if same.any():
        return same
    begins: Bool = np.strings.startswith(names, pattern)
    return begins


def _glob(names: Lowered, pattern: str) -> Bool:
    """`*` stands for any text; the rest stands for itself."""
    first, *middle, last = pattern.split("*")
    found: Bool = np.strings.startswith(names, first) & np.strings.endswith(names, last)
    found &= np.strings.str_len(names) >= len(first) + len(last)
    at = np.full(len(names), len(first), dtype=np.int64)
    for piece in filter(None, middle):
        hit = np.strings.find(names, piece, at)
        found &= hit >= 0
        at = np.where(hit >= 0, hit + len(piece), at)
    found &= at + len(last) <= np.strings.str_len(names)
    return found
