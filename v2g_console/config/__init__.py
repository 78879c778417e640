"""Typed settings: load, validate, explain, redact.

Others use `settings` (the types), `load` (`load`, `LoadedSettings`), `locate` (`find_config`), `problems` (`ConfigError`,
`ConfigMissingError`), `broker_url` (`parse_broker_url`), `explain` (show, schema, init) and `redact` (masking secrets in logs).
"""
