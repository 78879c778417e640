"""Every decoder fed with rubbish: it raises what it declares and nothing else, in time, and lets nothing invisible through."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import local, wire
from tests.fuzz.mutation import NASTY, Step, mutated
from tests.fuzz.target import Target

TARGETS = (*wire.TARGETS, *local.TARGETS)
SLOWEST_S = 5.0
"""for 64 KiB of the worst: far above what any decoder takes on a busy machine, far below what a quadratic one would"""

pieces = st.sampled_from(NASTY) | st.binary(max_size=8)
steps: st.SearchStrategy[list[Step]] = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 70_000), pieces), max_size=6)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_examples_hold(target: Target) -> None:
    for seed in target.seeds:
        target.feed(seed)
    target.feed(b"")


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_damaged_examples_and_noise_raise_only_what_is_declared(target: Target) -> None:
    @settings(max_examples=target.examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.builds(mutated, st.sampled_from(target.seeds), steps) | st.binary(max_size=2000))
    def feed(data: bytes) -> None:
        target.feed(data)

    feed()


@pytest.mark.parametrize("target", [one for one in TARGETS if not one.name.startswith("journal_")], ids=lambda target: target.name)
def test_a_large_input_takes_no_time(target: Target) -> None:
    for filling in (b"[", b'{"a":', b"- ", b"a: ", b"\x91", b"9", b"\\", b'"', b"\x1b", b"\xe2\x80\xae", b"\n", b"&a "):
        begun_at = time.process_time()
        target.feed((filling * 65_536)[:65_536])
        assert time.process_time() - begun_at < SLOWEST_S, filling
