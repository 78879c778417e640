"""`status` for people: engine, link, fleet and dispatches in a few lines."""

import time
from datetime import UTC, datetime

from v2g_console.cli.plain_text import ago, columns, counted, number, pairs, percent
from v2g_console.contract.link import LinkHealth
from v2g_console.contract.moved_text import moved_words
from v2g_console.contract.replies import StatusView
from v2g_console.contract.snapshot import AckProgress, DispatchView, EngineInfo, FleetSummary
from v2g_console.domain.units import duration_text, regulation_text

_HEADING = ("ID", "SIGNAL", "STATE", "ASKED", "ACKED kW", "DELIVERED kW", "SHORT kW", "ACKS", "LEFT", "REMARKS")
_RIGHT = frozenset({3, 4, 5, 6, 7, 8})


def status_lines(view: StatusView, now_ms: int | None = None) -> list[str]:
    """The status as lines. `now_ms`: UTC milliseconds, for ages."""
    now = int(time.time() * 1000) if now_ms is None else now_ms
    lines = pairs(
        [
            ("engine", _engine(view.engine, now)),
            ("you", _you(view)),
            ("link", _link(view.link, now)),
            ("fleet", _fleet(view.fleet)),
            (
                "headroom",
                f"up {number(view.fleet.up_kw)} kW, down {number(view.fleet.down_kw)} kW for 15 min; now {number(view.fleet.net_kw)} kW",
            ),
            *(("warning", text) for text in view.link.warnings),
            ("stopped", _stopped(view.engine)),
            *(
                ("waiting", f"{one.approval_id} of {one.by}: `v2g-console approvals` shows what waits for a second person")
                for one in view.approvals
            ),
        ]
    )
    if not view.dispatches:
        return [*lines, "no dispatch"]
    return [*lines, "", *columns([_HEADING, *map(_dispatch, view.dispatches)], _RIGHT)]


def _engine(engine: EngineInfo, now_ms: int) -> str:
    return ", ".join(
        filter(
            None,
            [
                f"{engine.name} (version {engine.version})",
                "ready" if engine.ready else "not ready yet",
                f"up {ago(max(0.0, (now_ms - engine.started_ms) / 1000))}",
                f"{engine.user} as {engine.role}",
                "read-only" if engine.read_only else "",
                "demo" if engine.demo else "",
            ],
        )
    )


def _you(view: StatusView) -> str:
    return f"{view.you.user} as {view.you.role}" if view.you is not None else ""


def _link(link: LinkHealth, now_ms: int) -> str:
    parts = [
        f"{link.state} {ago(max(0.0, (now_ms - link.since_ms) / 1000))}",
        link.broker,
        link.protocol,
        link.tls_version or "plaintext",
        f"in {number(link.in_per_s, 1)}/s, out {number(link.out_per_s, 1)}/s",
        f"round trip {number(link.rtt_ms, 1)} ms" if link.rtt_ms is not None else "",
        f"{sum(link.refused.values())} refused" if link.refused else "",
        f"last loss: {link.cause_text or link.cause}" if link.cause_text or link.reconnects else "",
    ]
    return ", ".join(filter(None, parts))


def _fleet(fleet: FleetSummary) -> str:
    parts = (
        f"{number(fleet.available)} available",
        f"{number(fleet.dispatched)} dispatched",
        f"{number(fleet.stale)} stale",
        f"{number(fleet.lost)} lost",
        f"{number(fleet.owed)} owed a release",
        *([f"{number(fleet.on_hold)} on hold after failures"] if fleet.on_hold else []),
        f"median SoC {percent(fleet.soc_median)}",
    )
    return f"{counted(fleet.vehicles, 'vehicle')}: {', '.join(parts)}"


def _stopped(engine: EngineInfo) -> str:
    return f"STOP is latched, by {engine.stopped_by or 'unknown'}: `v2g-console resume` lifts it" if engine.stopped else ""


def _dispatch(dispatch: DispatchView) -> tuple[str, ...]:
    return (
        dispatch.short_id,
        dispatch.signal,
        str(dispatch.state),
        regulation_text(dispatch.requested_kw),
        number(dispatch.acknowledged_kw),
        number(dispatch.delivered_kw),
        number(max(0.0, dispatch.shortfall_kw)),
        f"{dispatch.progress.acked + dispatch.progress.limited}/{dispatch.vehicles}",
        "-" if dispatch.remaining_s is None else duration_text(dispatch.remaining_s),
        _remarks(dispatch),
    )


def _remarks(dispatch: DispatchView) -> str:
    """What moved between it and others, and what its author said of it: a test, a start to come, a reference, a note."""
    begins = "" if dispatch.due_ms is None else f"begins {datetime.fromtimestamp(dispatch.due_ms / 1000, UTC):%Y-%m-%d %H:%M:%SZ}"
    ref = f"ref {dispatch.external_ref}" if dispatch.external_ref else ""
    parts = ("TEST" if dispatch.test else "", begins, *moved_words(dispatch), _unconfirmed(dispatch.release), ref, dispatch.author_note)
    return ", ".join(filter(None, parts)) or "-"


def _unconfirmed(release: AckProgress) -> str:
    """Who never confirmed its release: those that fall back by themselves, and those that are silent."""
    ended = f"{counted(release.lease_ended, 'lease')} ended" if release.lease_ended else ""
    silent = f"{counted(release.silent, 'release')} not confirmed" if release.silent else ""
    return ", ".join(filter(None, (ended, silent)))
