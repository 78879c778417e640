"""The stage of one scenario: its processes, what stands between them, and what was counted."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.broker.brokers import Broker
from tests.broker.proxy import MqttProxy
from tests.chaos.actors import EngineProcess, Trace, Vehicles
from tests.chaos.evidence import Asked
from tests.chaos.hostile import Hostile
from tests.chaos.plan import Scenario
from v2g_console.contract.replies import StatusView
from v2g_console.contract.snapshot import DispatchView
from v2g_console.domain.states import TERMINAL_DISPATCH_STATES


@dataclass(slots=True)
class Stage:
    """The processes of one scenario and what stands between them."""

    scenario: Scenario
    folder: Path
    broker: Broker
    link: MqttProxy
    cars: MqttProxy
    engine: EngineProcess
    vehicles: Vehicles
    hostile: Hostile
    trace: Trace
    injected: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    asked: list[Asked] = field(default_factory=list)
    broker_lock: asyncio.Lock = field(default_factory=asyncio.Lock)


def active_dispatches(status: StatusView) -> list[DispatchView]:
    """Those that are not over."""
    return [view for view in status.dispatches if view.state not in TERMINAL_DISPATCH_STATES]
