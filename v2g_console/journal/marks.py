"""What a journal says of itself: opened, closed, failed, migrated, pruned. These entries are chained like all others."""

import msgspec


class _Mark(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    pass


class Opened(_Mark, frozen=True, kw_only=True, tag="journal.opened"):
    """A process began to write. `clean`: the one before closed the journal (true for a new journal)."""

    version: str
    schema: int
    pid: int
    clean: bool


class Closed(_Mark, frozen=True, kw_only=True, tag="journal.closed"):
    """The process ended in good order."""

    version: str
    pid: int


class Failed(_Mark, frozen=True, kw_only=True, tag="journal.failed"):
    """Written when a failure that began at `since_ms` is over. `refused` commits were told so, `lost` notes are missing here."""

    since_ms: int
    cause: str
    refused: int
    lost: int


class Migrated(_Mark, frozen=True, kw_only=True, tag="journal.migrated"):
    """The file was brought to a newer schema."""

    old: int
    new: int
    backup: str


class Pruned(_Mark, frozen=True, kw_only=True, tag="journal.pruned"):
    """Retention removed the entries up to `to_id`; `to_hash` (hex) is the link of the last one, from which the chain goes on."""

    to_id: int
    to_hash: str
    reason: str


Mark = Opened | Closed | Failed | Migrated | Pruned
