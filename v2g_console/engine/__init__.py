"""The dispatch life cycle; sole owner of fleet and dispatches. Everything here belongs to one asyncio loop; nothing here locks.

`Engine` (engine.py) is the whole; it implements `contract.port.EnginePort` for callers on its own loop. `parts` puts it together.
The way of a dispatch: `gate` (request) -> `planning` -> `lifecycle` -> `setpoint_gate` (phases, interlocks) -> `rounds` (journal, link)
-> `acks` -> `release` -> `release_round` (journal, link). `ticker` and `deadlines` do what is due, `incoming` takes what the link brings;
`fleet`, `dispatch` and `command_rows` hold the state, `totals`, `views` and `snapshots` say what it looks like, `alarms` and `stream` tell
the operator.
"""
