"""After an end the releases count, a dispatch that nobody follows says so, and a vehicle that was taken twice is one vehicle."""

from dataclasses import replace

import msgspec
import pytest

from tests.console import pictures
from tests.console.fake_port import FakePort
from tests.console.harness import running, text, until
from v2g_console.console.glyphs import UNICODE
from v2g_console.console.progress_text import NOBODY_LEFT, nobody_left, shows_release
from v2g_console.console.widgets.ack_pane import count_words, release_words
from v2g_console.console.widgets.command_table import row_reason
from v2g_console.contract.replies import CommandRow
from v2g_console.contract.snapshot import AckProgress, DispatchView, Snapshot
from v2g_console.domain.states import DispatchState

VIEW = pictures.first_dispatch()
RELEASED = AckProgress(commanded=400, acked=371, silent=3)


def changed(**changes: object) -> DispatchView:
    return msgspec.structs.replace(VIEW, **changes)


def shown(view: DispatchView) -> Snapshot:
    return replace(pictures.normal(), dispatches=(view,))


@pytest.mark.parametrize("state", [DispatchState.RELEASING, DispatchState.CANCELLED, DispatchState.COMPLETED, DispatchState.STOPPED])
async def test_from_its_end_on_the_ack_pane_counts_vehicles_that_are_back(state: DispatchState) -> None:
    view = changed(state=state, release=RELEASED, remaining_s=None)
    async with running(FakePort(shown(view))) as (app, pilot):
        app.model.selected_dispatch_id = view.dispatch_id
        app.show_model()
        await until(pilot, lambda: "Release progress #7f3a" in text(app))
        assert "released 371 of 400  silent 3▲  waiting 26" in text(app)
        assert "before: 371 of 412 acknowledged, 10 limited, 7 refused" in text(app)


def test_a_vehicle_let_go_while_a_dispatch_runs_is_no_end_of_it() -> None:
    assert not shows_release(changed(release=RELEASED))
    assert not shows_release(changed(state=DispatchState.COMPLETED))
    assert shows_release(changed(state=DispatchState.COMPLETED, release=RELEASED))


@pytest.mark.parametrize(
    ("progress", "left"),
    [
        (AckProgress(commanded=81, rejected=3, let_go=78), True),
        (AckProgress(commanded=81, silent=81), True),
        (AckProgress(commanded=81, acked=1, let_go=80), False),
        (AckProgress(commanded=81, limited=1, let_go=80), False),
        (AckProgress(commanded=81, pending=1, let_go=80), False),
        (AckProgress(commanded=81, queued=1, let_go=80), False),
        (AckProgress(), False),
    ],
)
def test_a_dispatch_that_nobody_follows_is_told_from_one_that_some_do(progress: AckProgress, left: bool) -> None:
    assert nobody_left(changed(progress=progress)) is left
    assert not nobody_left(changed(progress=progress, state=DispatchState.RELEASING))


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_that_nothing_is_left_stands_on_every_screen_of_the_dispatch(size: tuple[int, int]) -> None:
    view = changed(progress=AckProgress(commanded=81, rejected=3, let_go=78), acknowledged_kw=0.0)
    async with running(FakePort(shown(view)), size) as (app, pilot):
        await until(pilot, lambda: "nobody left" in text(app))
        assert NOBODY_LEFT in text(app) and "let go 78" in text(app)
        await pilot.press("3")
        await until(pilot, lambda: "id, signal, state, person" in text(app))
        assert "nobody left" in text(app)
        await pilot.press("enter")
        await until(pilot, lambda: NOBODY_LEFT in text(app))


def test_counts_say_of_how_many_vehicles() -> None:
    words = " ".join(word for word, _ in count_words(AckProgress(commanded=1400, acked=1380, rejected=20), UNICODE))
    assert words.startswith("acked 1 380 of 1 400")
    assert release_words(AckProgress(commanded=5, acked=5), UNICODE) == [("released 5 of 5", "bold"), ("silent 0", "")]


@pytest.mark.parametrize(
    ("taken", "reason", "said"), [(1, "", ""), (2, "", "taken 2 times"), (3, "LOCAL_OVERRIDE", "taken 3 times; LOCAL_OVERRIDE")]
)
def test_a_vehicle_taken_again_says_how_often(taken: int, reason: str, said: str) -> None:
    row = CommandRow(
        vehicle_id="FR-LYO-1",
        state="acked",
        setpoint_kw=3.0,
        baseline_kw=0.0,
        regulation_kw=3.0,
        applied_kw=3.0,
        measured_kw=None,
        attempt=1,
        latency_ms=40.0,
        score=0.5,
        reason=reason,
        reason_text="",
        release="",
        taken=taken,
    )
    assert row_reason(row).startswith(said) and (taken > 1) == ("taken" in row_reason(row))
