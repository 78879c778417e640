"""Snapshots: immutable, numbered pictures, made when a reader asks, after an act or at most four a second; unchanged columns are shared."""

import asyncio
import itertools
import resource
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from v2g_console.allocation import ALLOCATORS
from v2g_console.contract.snapshot import DispatchView, EngineInfo, FleetColumns, Snapshot
from v2g_console.domain.roles import Role
from v2g_console.engine.access import Access, denied_to
from v2g_console.engine.alarms import Alarms
from v2g_console.engine.approvals import Approvals
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running
from v2g_console.engine.ecowatt import Ecowatt
from v2g_console.engine.headroom import Headroom
from v2g_console.engine.stop import Stopping
from v2g_console.engine.views import dispatch_view, fleet_states
from v2g_console.version import program_version

Column = TypeVar("Column", bound=np.generic)
SHORTEST_PAUSE_S = 0.25
PAST_SHOWN = 30
TRACES_SHOWN = 5
SILENT_SHOWN = 50
_STATM = Path("/proc/self/statm")  # Linux


class Snapshots:
    """Makes snapshots on the engine's loop."""

    def __init__(
        self,
        core: Core,
        alarms: Alarms,
        headroom: Headroom,
        access: Access,
        approvals: Approvals,
        stopping: Stopping,
        ecowatt: Ecowatt,
        *,
        demo: bool,
    ) -> None:
        self._core, self._alarms, self._headroom = core, alarms, headroom
        self._access, self._approvals, self._stopping = access, approvals, stopping
        self._demo, self._ecowatt = demo, ecowatt
        self._version = program_version()
        self._started_ms = core.utc_ms()
        self._last: Snapshot | None = None
        self._made_at = -np.inf
        self._arrays: dict[str, NDArray[np.generic]] = {}
        self._past: dict[str, tuple[tuple[object, ...], DispatchView]] = {}
        self._ids: tuple[str, ...] = ()
        self._layout_revision = -1
        self.ready = False
        self.loop_lag_ms = 0.0

    def newest(self) -> Snapshot:
        """The last one if it is younger than 250 ms and nothing was done since, else a new one."""
        now = self._core.clock.monotonic()
        if self._last is None or now - self._made_at >= SHORTEST_PAUSE_S:
            self._made_at = now
            number = self._last.number + 1 if self._last else 1
            self._last = Snapshot(
                number=number,
                utc_ms=self._core.utc_ms(),
                engine=self.engine_info(),
                link=self._core.link.health(),
                summary=self._headroom.summary,
                fleet=self._fleet(),
                dispatches=self._dispatches(),
                alarms=self._alarms.views(),
                alarm_rates=self._alarms.rates(),
                approvals=self._approvals.views(),
                tags=self._core.tags.views(),
                stop=self._stopping.view(SILENT_SHOWN) if self._core.stop.stopped else None,
                proposals=self._ecowatt.waiting(),
            )
        return self._last

    def outdate(self) -> None:
        """Something was done: whoever looks next sees it, also within 250 ms."""
        self._made_at = -np.inf

    def engine_info(self) -> EngineInfo:
        """Who runs, where, in which mode."""
        core, owner = self._core, self._access.owner
        role, access = self._access.last_known(owner), self._core.settings.access
        return EngineInfo(
            version=self._version,
            name=core.settings.console.name,
            ready=self.ready,
            started_ms=self._started_ms,
            user=owner,
            role=Role.VIEWER.value if core.read_only else role.value,
            read_only=core.read_only,
            demo=self._demo,
            stopped=core.stop.stopped,
            stopped_by=core.stop.by,
            stopped_at_ms=core.stop.at_ms,
            loop_lag_ms=self.loop_lag_ms,
            events_dropped=core.stream.dropped,
            memory_mib=resident_mib(),
            tasks=len(asyncio.all_tasks()),
            journal_queue=core.journal.state().queued,
            events_kept=core.stream.kept,
            ack_timeout_s=core.settings.dispatch.ack_timeout_seconds,
            confirm_above_kw=core.settings.dispatch.confirm_above_kw,
            allocators=ALLOCATORS,
            denied=denied_to(role),
            four_eyes_above_kw=access.four_eyes_above_kw,
            lock_after_s=access.lock_after_s,
            longest_shelf_s=core.settings.alarms.longest_shelf_s,
        )

    def _dispatches(self) -> tuple[DispatchView, ...]:
        core = self._core
        active = sorted(core.running.values(), key=lambda one: -one.created_ms)
        past = list(itertools.islice(core.past, PAST_SHOWN))
        self._past = {one.dispatch_id: self._past_view(one, with_trace=place < TRACES_SHOWN) for place, one in enumerate(past)}
        return (*(dispatch_view(core, one) for one in active), *(view for _, view in self._past.values()))

    def _past_view(self, ended: Running, *, with_trace: bool) -> tuple[tuple[object, ...], DispatchView]:
        """What a dispatch that is over looks like; made anew only when one of its owed releases is settled."""
        key = (with_trace, *ended.release_counts)
        known = self._past.get(ended.dispatch_id)
        return known if known is not None and known[0] == key else (key, dispatch_view(self._core, ended, with_trace=with_trace))

    def _fleet(self) -> FleetColumns:
        fleet, n = self._core.fleet, len(self._core.fleet)
        last = self._last.fleet if self._last else None
        revision = fleet.revision + self._headroom.revision  # both only grow
        if last is not None and last.revision == revision and self._layout_revision == fleet.layout_revision:
            return last
        if self._layout_revision != fleet.layout_revision:
            self._ids, self._layout_revision = tuple(fleet.ids), fleet.layout_revision
        owners = self._owners()
        headroom = self._headroom.columns
        return FleetColumns(
            revision=revision,
            layout_revision=fleet.layout_revision,
            ids=self._ids,
            sites=tuple(fleet.sites.names),
            segments=tuple(fleet.segments.names),
            owners=owners,
            site=self._kept("site", fleet.site[:n]),
            segment=self._kept("segment", fleet.segment[:n]),
            owner=self._kept("owner", fleet.owner[:n]),
            soc=self._kept("soc", fleet.soc[:n].astype(np.float32)),
            power_kw=self._kept("power_kw", fleet.power_kw[:n].astype(np.float32)),
            setpoint_kw=self._kept("setpoint_kw", fleet.setpoint_kw[:n].astype(np.float32)),
            up_kw=self._kept("up_kw", _padded(headroom.up_kw, n)),
            down_kw=self._kept("down_kw", _padded(headroom.down_kw, n)),
            max_charge_kw=self._kept("max_charge_kw", fleet.max_charge_kw[:n].astype(np.float32)),
            max_discharge_kw=self._kept("max_discharge_kw", fleet.max_discharge_kw[:n].astype(np.float32)),
            state=self._kept("state", fleet_states(self._core)),
            quality=self._kept("quality", fleet.quality[:n]),
            reason=self._kept("reason", fleet.reason[:n]),
            protocol=self._kept("protocol", fleet.protocol[:n]),
            is_v2g=self._kept("is_v2g", fleet.is_v2g[:n]),
            available=self._kept("available", fleet.available[:n]),
            seen_ms=self._kept("seen_ms", fleet.seen_ms[:n]),
            on_hold=self._kept("on_hold", _padded(headroom.on_hold, n)),
            tag=self._kept("tag", self._core.tags.marks(fleet)),
            reserve_soc=self._kept("reserve_soc", fleet.reserve_soc[:n].astype(np.float32)),
        )

    def _owners(self) -> tuple[str, ...]:
        """Dispatch ids by owner slot."""
        running = {one.slot: one.dispatch_id for one in self._core.running.values()}
        return tuple(running.get(slot, "") for slot in range(max(running, default=-1) + 1))

    def _kept(self, name: str, now: NDArray[Column]) -> NDArray[Column]:
        """The array of the last snapshot if nothing in it changed, else a read-only copy."""
        before = self._arrays.get(name)
        if before is not None and before.shape == now.shape and np.array_equal(before, now, equal_nan=now.dtype.kind == "f"):
            return before  # type: ignore[return-value]  # the same column as last time, so the same dtype
        copy = now.copy()
        copy.flags.writeable = False
        self._arrays[name] = copy
        return copy


def resident_mib() -> float:
    """Resident memory of this process; where the system does not tell, the most it ever was."""
    if _STATM.exists():
        pages = _STATM.read_text("ascii").split()[1]
        return int(pages) * resource.getpagesize() / (1 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _padded(values: NDArray[Column], n: int) -> NDArray[Column]:
    """`values` for `n` vehicles; those that came after it was computed have none yet."""
    return np.concatenate([values, np.zeros(n - len(values), values.dtype)]) if len(values) < n else values[:n]
