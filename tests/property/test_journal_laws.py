"""Laws of the journal: records come back as they were, any change shows, and what a restart finds follows from what was written."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.journal import records as made
from v2g_console.journal.chain import Content, Head, chained, next_link
from v2g_console.journal.encoding import UnreadableEntryError, contents_of, decoded
from v2g_console.journal.port import AcksRecord, Record, ReleaseOutcome, ReleasesRecord, RequestRecord, RoundRecord
from v2g_console.journal.projection import Projection
from v2g_console.journal.recovery import OwedReleases, Recovered, UnfinishedDispatch, recovered
from v2g_console.journal.store import Store
from v2g_console.journal.verify import verify

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
IDS = st.lists(TEXTS.filter(bool), max_size=6, unique=True).map(tuple)
KW = st.floats(-1e6, 1e6)
DISPATCHES = ("a" * 32, "b" * 32, "c" * 32)


@st.composite
def rounds(draw: st.DrawFn) -> RoundRecord:
    ids = draw(IDS)
    n = len(ids)
    return RoundRecord(
        draw(st.integers(0, 2**45)),
        draw(st.sampled_from(DISPATCHES)),
        draw(st.integers(0, 2**53)),
        draw(st.sampled_from(["send", "retry", "update", "renewal", "release"])),
        ids,
        np.array(draw(st.lists(KW, min_size=n, max_size=n)), np.float64),
        np.array(draw(st.lists(KW, min_size=n, max_size=n)), np.float64),
        draw(st.integers(0, 2**45)),
        np.array(draw(st.lists(st.integers(0, 2**31), min_size=n, max_size=n)), np.int64) if n else None,
    )


@st.composite
def acks(draw: st.DrawFn) -> AcksRecord:
    ids = draw(IDS)
    n = len(ids)
    codes = st.lists(st.integers(0, 255), min_size=n, max_size=n)
    return AcksRecord(
        draw(st.integers(0, 2**45)),
        draw(st.sampled_from(DISPATCHES)),
        ids,
        np.array(draw(st.lists(st.integers(0, 2**53), min_size=n, max_size=n)), np.int64),
        np.array(draw(codes), np.uint8),
        np.array(draw(st.lists(KW | st.just(float("nan")), min_size=n, max_size=n)), np.float64),
        np.array(draw(codes), np.uint8),
    )


REQUESTS = st.builds(RequestRecord, st.integers(0, 2**45), TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)


@given(rounds() | acks() | REQUESTS)
def test_what_is_written_is_what_is_read(record: Record) -> None:
    (content,) = contents_of(record)
    again = decoded(content)
    assert type(again) is type(record)
    for name in type(record).__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(record, name))


@given(
    st.sampled_from(["round.send", "acks", "releases", "dispatch", "request", "dispatch.active", "journal.pruned", "x", ""]), st.binary()
)
def test_any_bytes_are_read_or_refused(kind: str, body: bytes) -> None:
    try:
        decoded(Content(0, kind, "", body))
    except UnreadableEntryError as error:
        assert kind[:40] in str(error)


CONTENTS = st.lists(
    st.builds(Content, st.integers(-(2**60), 2**60), TEXTS, st.sampled_from(["", *DISPATCHES]), st.binary(max_size=60)),
    min_size=1,
    max_size=8,
)


@given(CONTENTS, st.data())
def test_a_link_depends_on_every_part_of_every_entry_before(contents: list[Content], data: st.DataObject) -> None:
    entries = chained(Head(), contents)
    at = data.draw(st.integers(0, len(contents) - 1))
    old = contents[at]
    other = data.draw(st.builds(Content, st.integers(0, 9), TEXTS, TEXTS, st.binary(max_size=60)).filter(lambda new: new != old))
    changed = chained(Head(), [*contents[:at], other, *contents[at + 1 :]])
    assert [one.link for one in changed[:at]] == [one.link for one in entries[:at]]
    assert all(one.link != was.link for one, was in zip(changed[at:], entries[at:], strict=True))


@given(st.text("ab", max_size=4), st.text("ab", max_size=4), st.text("ab", max_size=4), st.text("ab", max_size=4))
def test_nothing_can_move_from_one_field_into_the_next(kind: str, dispatch: str, kind2: str, dispatch2: str) -> None:
    one, two = Content(0, kind, dispatch, b""), Content(0, kind2, dispatch2, b"")
    assert (next_link(bytes(32), 1, one) == next_link(bytes(32), 1, two)) == (one == two)


# A life of a small fleet: what happened to whom, in any order that an engine could write and some that it could not.
_VEHICLES = made.vehicles(5)
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["send", "renewal", "release", "confirm", "owe", "end", "end owing", "request"]),
        st.sampled_from(DISPATCHES),
        st.sets(st.integers(0, 4), min_size=1),
    ),
    max_size=25,
)


class Model:
    """The rule, in plain words of Python: who still stands under which dispatch, with which seq and release."""

    def __init__(self) -> None:
        self.standing: dict[int, tuple[str, int, int]] = {}
        self.commanded: set[str] = set()
        self.ended: set[str] = set()
        self.last_seq = 0

    def apply(self, step: str, dispatch: str, who: set[int], seq: int) -> Record:
        """Do it here, and say what an engine would have written."""
        ordered = sorted(who)
        ids = tuple(_VEHICLES[one] for one in ordered)
        match step:
            case "send" | "renewal" | "release":
                self.commanded.add(dispatch)
                self.last_seq = seq
                for one in ordered:
                    held = self.standing.get(one)
                    if step != "release":
                        self.standing[one] = (dispatch, seq, 0)
                    elif held is not None and held[0] == dispatch:
                        self.standing[one] = (dispatch, held[1], seq)
                n = len(ids)
                return RoundRecord(seq, dispatch, seq, step, ids, np.full(n, float(seq)), np.zeros(n), 0, np.array(ordered, np.int64))
            case "confirm" | "owe":
                code = ReleaseOutcome.CONFIRMED if step == "confirm" else ReleaseOutcome.OWED
                if step == "confirm":
                    for one in ordered:
                        if self.standing.get(one, ("",))[0] == dispatch:
                            del self.standing[one]
                return ReleasesRecord(seq, dispatch, ids, np.full(len(ids), code, np.uint8))
            case "end" | "end owing":
                self.ended.add(dispatch)
                if step == "end":
                    self.standing = {one: held for one, held in self.standing.items() if held[0] != dispatch}
                return made.ended(dispatch_id=dispatch, owed=len(ids) if step == "end owing" else 0)
            case _:
                return made.a_request()

    def check(self, found: Recovered) -> None:
        """What was found is what the rule says."""
        assert found.last_seq == self.last_seq
        assert {one.dispatch_id for one in found.unfinished} == self.commanded - self.ended
        held: list[UnfinishedDispatch | OwedReleases] = [*found.unfinished, *found.owed]
        stands = {
            _VEHICLES.index(name): (one.dispatch_id, seq, release)
            for one in held
            for name, seq, release in zip(
                one.standing.vehicle_ids, one.standing.seq.tolist(), one.standing.release_seq.tolist(), strict=True
            )
        }
        assert stands == self.standing
        assert {one.dispatch_id for one in found.owed} <= self.ended


@settings(max_examples=60, deadline=None)
@given(_STEPS, st.integers(0, 25))
def test_a_restart_finds_what_was_written_wherever_it_happens(steps: list[tuple[str, str, set[int]]], indexed_before: int) -> None:
    """`indexed_before`: the background had got so far before the crash, and entries after it are applied at the start."""
    model = Model()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "journal.db")
        projection = Projection(store.connection)
        for at, (step, dispatch, who) in enumerate(steps):
            store.append(contents_of(model.apply(step, dispatch, who, at + 1)))
            if at == indexed_before:
                _index(store, projection)
        again = Projection(store.connection)
        _index(store, again)
        model.check(recovered(store.connection))
        store.connection.execute("UPDATE progress SET indexed_to = max(0, indexed_to - 1)")  # the last entry applied twice
        _index(store, Projection(store.connection))
        model.check(recovered(store.connection))
        store.sign()
        store.close()
        assert verify(Path(folder) / "journal.db").ok


def _index(store: Store, projection: Projection) -> None:
    while projection.behind(store.head.number):
        store.derived(projection.step)
        projection.committed()
