"""Named points of the engine at which a test may kill it. They are reached by wrapping functions by name: the product has no hooks."""

import asyncio
import functools
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Condition = Callable[[tuple[Any, ...]], bool]


@dataclass(frozen=True, slots=True)
class Point:
    """`target` is `module:function` or `module:Class.method` below v2g_console; `when` it is called or when it has returned.

    `holds` looks at its arguments; `inside` counts calls only after this other target was called for the first time.
    """

    target: str
    when: str = "before"
    holds: Condition = lambda _: True
    inside: str = ""


def _appends(kind: str) -> Condition:
    return lambda arguments: any(content.kind == kind for content in arguments[1])


def _to_vehicle(arguments: tuple[Any, ...]) -> bool:
    return str(arguments[1].topic).endswith("/command")


_APPEND = "journal.store:Store.append"
_SEND = "transport.aiomqtt_private:DirectConnection.send"

POINTS: dict[str, Point] = {
    "before the round is committed": Point(_APPEND, "before", _appends("round.send")),
    "after the commit, before the publish": Point(_APPEND, "after", _appends("round.send")),
    "mid publish": Point(_SEND, "after", _to_vehicle),
    "after the publish, before acks": Point("engine.acks:Acks.take"),
    "after an ack was taken": Point("engine.acks:Acks.take", "after"),
    "acks are being journalled": Point(_APPEND, "before", _appends("acks")),
    "before the release is committed": Point("engine.release_round:journal_release"),
    "after the release is committed": Point(_APPEND, "after", _appends("round.release")),
    "mid release": Point(_SEND, "after", _to_vehicle, inside="engine.release:_publish"),
    "releases are being journalled": Point(_APPEND, "before", _appends("releases")),
    "renewing": Point("engine.renewals:_renew"),
    "renewal committed": Point(_APPEND, "after", _appends("round.renewal")),
    "mid renewal": Point(_SEND, "after", _to_vehicle, inside="engine.renewals:_renew"),
    "updating": Point("engine.retarget:_send"),
    "update committed": Point(_APPEND, "after", _appends("round.update")),
    "repeating to the silent": Point("engine.rounds:resend"),
    "letting the silent go": Point("engine.release:let_go"),
    "closing a gap": Point("engine.reallocation:close_gap"),
    "handing over": Point("engine.hand_over:hand_over", "after"),
    "recovery begins": Point("engine.recover:recover"),
    "recovery is done": Point("engine.recover:recover", "after"),
    "sending an owed release": Point("engine.owed:Owed._send"),
    "mid owed releases": Point(_SEND, "after", _to_vehicle, inside="engine.owed:Owed._send"),
    "settling an owed release": Point("engine.owed:Owed._settle", "after"),
    "indexing": Point("journal.projection:Projection.step", "after"),
    "checkpoint": Point("journal.store:Store.checkpoint"),
    "after a reconnection": Point("engine.incoming:Incoming._reconnected"),
    "ending": Point("engine.engine:Engine.close"),
}


class NoSuchTargetError(LookupError):
    """The product has no function of this name (any more): tests/chaos/points.py must follow."""


def arm(point: Point, reached: Callable[[], None]) -> None:
    """Call `reached` each time the point is reached. Raises NoSuchTargetError."""
    open_now = [not point.inside]

    def enter() -> None:
        open_now[0] = True

    def hit(arguments: tuple[Any, ...]) -> None:
        if open_now[0] and point.holds(arguments):
            reached()

    before = hit if point.when == "before" else None
    after = hit if point.when == "after" else None
    wrap(point.target, before, after)
    if point.inside:
        wrap(point.inside, lambda _: enter(), None)


def wrap(target: str, before: Callable[[tuple[Any, ...]], None] | None, after: Callable[[tuple[Any, ...]], None] | None) -> None:
    """Have `before` and `after` called around a function, wherever it was imported to. Raises NoSuchTargetError."""
    replace(target, lambda original: _around(original, before, after))


def replace(target: str, make: Callable[[Any], Any]) -> None:
    """Put `make(original)` in the place of a function, wherever it was imported to. Raises NoSuchTargetError."""
    owner, name, original = resolve(target)
    made = make(original)
    setattr(owner, name, made)
    if not isinstance(owner, type):
        for module in [module for key, module in sys.modules.items() if key.startswith("v2g_console")]:
            for key, value in list(vars(module).items()):
                if value is original:
                    setattr(module, key, made)


def resolve(target: str) -> tuple[Any, str, Any]:
    """`(module or class, name, what it is now)` of a target. Raises NoSuchTargetError."""
    module_name, _, path = target.partition(":")
    *classes, name = path.split(".")
    try:
        owner: Any = importlib.import_module(f"v2g_console.{module_name}")
        for each in classes:
            owner = getattr(owner, each)
        return owner, name, getattr(owner, name)
    except (ModuleNotFoundError, AttributeError):
        raise NoSuchTargetError(target) from None


def _around(original: Any, before: Callable[[tuple[Any, ...]], None] | None, after: Callable[[tuple[Any, ...]], None] | None) -> Any:
    def enter(arguments: tuple[Any, ...]) -> None:
        if before is not None:
            before(arguments)

    def leave(arguments: tuple[Any, ...]) -> None:
        if after is not None:
            after(arguments)

    if asyncio.iscoroutinefunction(original):

        @functools.wraps(original)
        async def waiting(*arguments: Any, **named: Any) -> Any:
            enter(arguments)
            result = await original(*arguments, **named)
            leave(arguments)
            return result

        return waiting

    @functools.wraps(original)
    def plain(*arguments: Any, **named: Any) -> Any:
        enter(arguments)
        result = original(*arguments, **named)
        leave(arguments)
        return result

    return plain
