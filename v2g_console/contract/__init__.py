"""What console, headless, CLI and engine say to each other: snapshots, events, requests, replies and the EnginePort. Plain data, versioned.

Modules: `link` (health of the MQTT connection), `snapshot` (what a screen shows), `events` (what happened), `requests` (what is asked),
`replies` (what is answered), `port` (the EnginePort protocol). Nothing here does I/O.
"""

CONTRACT_VERSION = 4
"""Grows with a release that changes any of these: both ends must have the same, since unknown fields of a request are refused."""

OLDEST_RECORDED = 3
"""The oldest contract of a recording that can still be shown: all that came to pictures and events since then has a default."""
