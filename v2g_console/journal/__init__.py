"""The record of every request, decision, command, acknowledgement and outcome.

For the engine: the interface (`port`), in memory (`memory`), on disk (`sqlite`; `place` has its options, `recovery` what it found).
For readers: `read`, `story`, `lines`, `verify`.
"""
