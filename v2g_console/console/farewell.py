"""What the console says when it has gone: after a demo what ran, on which broker, and how to do the same without a screen."""

import json
from collections.abc import Sequence

from v2g_console.console.model import ConsoleModel
from v2g_console.console.options import ConsoleOptions
from v2g_console.console.safe_text import safe_text
from v2g_console.contract.snapshot import DispatchView, Snapshot
from v2g_console.domain.states import TERMINAL_DISPATCH_STATES
from v2g_console.domain.units import counted, regulation_text

_LISTED = 5


def farewell(options: ConsoleOptions, snapshot: Snapshot | None, problem: str = "") -> list[str]:
    """Lines for standard output; empty unless this was a demo, an attached console, or a message was asked for.

    `problem`: why the engine is not heard, "" if it is.
    """
    if options.attached:
        return detached_rows(options.attached, snapshot, problem)
    rows = demo_rows(snapshot) if options.demo and snapshot is not None else []
    return rows + ([options.leave_message] if options.leave_message else [])


def detached_rows(socket: str, snapshot: Snapshot | None, problem: str) -> list[str]:
    """That the engine goes on, with what, and how to come back; or that it was not there."""
    come_back = f"Come back with: v2g-console attach --socket {safe_text(socket, None)}"
    if problem or snapshot is None:
        return ["Left. The engine was not there.", come_back]
    active = sum(view.state not in TERMINAL_DISPATCH_STATES for view in snapshot.dispatches)
    return [f"Detached: the engine runs on, {counted(active, 'active dispatch', 'active dispatches')}.", come_back]


def sites_rows(models: Sequence[ConsoleModel], come_back: str) -> list[str]:
    """A line a site, as `detached_rows`, and one command for all of them."""
    rows = []
    for model in models:
        active = counted(len(model.active_dispatches()), "active dispatch", "active dispatches")
        heard = model.snapshot is not None and not model.contact().late
        rows.append(f"{model.site_name}: {f'detached, the engine runs on, {active}' if heard else 'left, the engine was not heard'}.")
    return [*rows, f"Come back with: {safe_text(come_back, None)}"]


def demo_rows(snapshot: Snapshot) -> list[str]:
    """What ran, the broker's URL, and the newest dispatch as a headless command."""
    summary = snapshot.summary
    vehicles = counted(summary.vehicles, "vehicle", "vehicles")
    ran = counted(len(snapshot.dispatches), "dispatch", "dispatches")
    rows = [f"Demo: {vehicles} on {safe_text(snapshot.link.broker, 80)}, {ran}."]
    rows += [f"  {_told(view)}" for view in snapshot.dispatches[:_LISTED]]
    if not snapshot.dispatches:
        return rows
    newest = max(snapshot.dispatches, key=lambda view: view.created_ms)
    request = {
        "request": "dispatch",
        "signal": newest.signal,
        "power_kw": _plain(newest.requested_kw),
        "duration_s": _plain(newest.duration_s),
    }
    return [
        *rows,
        "The same without a screen:",
        f"  echo '{safe_text(json.dumps(request), None)}' | v2g-console demo --no-ui --commands -",
    ]


def _plain(number: float) -> float | int:
    """Without `.0`, as a person would write it."""
    return int(number) if number.is_integer() else number


def _told(view: DispatchView) -> str:
    acked = view.progress.acked + view.progress.limited
    return (
        f"{safe_text(view.short_id, 8)} {safe_text(view.signal, 12)} {regulation_text(view.requested_kw)}, {view.duration_s:.0f} s:"
        f" {view.state.value}, {acked} of {view.vehicles} vehicles acknowledged"
    )
