"""Who listens to a connection, and what it is told."""

from typing import Protocol


class ConnectionEvents(Protocol):
    """Who listens to a connection; all calls on the loop."""

    def on_message(self, topic: str, payload: bytes, retained: bool) -> None:
        """An inbound message."""

    def on_puback(self, mid: int, reason: int) -> None:
        """The broker took (or refused) the message with this packet id."""

    def on_lost(self, connection: object) -> None:
        """The connection, once established, has ended; called once."""

    def on_drained(self) -> None:
        """What was written has gone to the system; there is room for more."""
