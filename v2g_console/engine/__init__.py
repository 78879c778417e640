"""The dispatch life cycle; sole owner of fleet and dispatches. Everything here belongs to one asyncio loop; nothing here locks.

`Engine` (engine.py) is the whole; it implements `contract.port.EnginePort` for callers on its own loop.
The way of a dispatch: `gate` (request) -> `planning` -> `lifecycle` -> `rounds` (publish) -> `acks` -> `release`;
`fleet` and `dispatch` hold the state, `totals`, `views` and `snapshots` say what it looks like, `alarms` and `stream` tell the operator.
"""
