"""What was not accepted from the network, and why: a closed list of causes, counted, with the last few kept for the link pane."""

import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum

from v2g_console.contract.link import RefusedMessage

RECENT_KEPT = 20
EXCERPT_CHARACTERS = 200


class Cause(StrEnum):
    """Why a message was refused."""

    TOO_LARGE = "too_large"  # above 64 KiB
    BAD_JSON = "bad_json"  # not UTF-8, not JSON, or nested beyond reason
    BAD_SHAPE = "bad_shape"  # a key is missing or has the wrong type
    OUT_OF_RANGE = "out_of_range"  # a number that can't be true
    ID_MISMATCH = "id_mismatch"  # the payload names another vehicle than the topic
    BAD_ID = "bad_id"  # the id in topic or payload is not one
    UNKNOWN_TOPIC = "unknown_topic"
    RETAINED = "retained"  # a kept message where only fresh ones count
    WRONG_VEHICLE = "wrong_vehicle"  # an ack, on one vehicle's topic, of another one's command
    FLEET_FULL = "fleet_full"  # a new vehicle above fleet.max_vehicles
    INTERNAL = "internal"  # our own handler failed on it: a bug, see the log


class RefusedMessageError(ValueError):
    """A message was refused. `cause` is for counting, the text says which key and why."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        super().__init__(f"{cause}: {detail}" if detail else str(cause))
        self.cause = cause
        self.detail = detail


class RefusedLog:
    """Counts refused messages by cause and keeps the last 20; bounded whatever arrives."""

    def __init__(self, utc: Callable[[], float] = time.time) -> None:
        """`utc` gives seconds since 1970."""
        self._utc = utc
        self._counts: dict[str, int] = {}
        self._recent: deque[RefusedMessage] = deque(maxlen=RECENT_KEPT)
        self.shed = 0
        """telemetry dropped because it came faster than allowed"""

    @property
    def counts(self) -> dict[str, int]:
        """Refused messages by cause since the start, as a copy."""
        return dict(self._counts)

    @property
    def recent(self) -> tuple[RefusedMessage, ...]:
        """The last 20, oldest first."""
        return tuple(self._recent)

    def add(self, cause: Cause, topic: str, payload: bytes) -> None:
        """Count one and keep its beginning."""
        self._counts[cause] = self._counts.get(cause, 0) + 1
        self._recent.append(
            RefusedMessage(
                ts_ms=int(self._utc() * 1000), topic=escaped(topic.encode(errors="replace")), cause=cause, excerpt=escaped(payload)
            )
        )


def escaped(raw: bytes) -> str:
    """At most 200 characters of `raw` as printable ASCII; everything else becomes an escape, so no terminal or markup can be reached."""
    text = raw[:EXCERPT_CHARACTERS].decode("utf-8", errors="backslashreplace").encode("unicode_escape").decode("ascii")
    return text if len(text) <= EXCERPT_CHARACTERS and len(raw) <= EXCERPT_CHARACTERS else text[: EXCERPT_CHARACTERS - 3] + "..."
