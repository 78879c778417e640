"""The closed list of reasons why a vehicle is left out, limited or refuses. Codes are stored in columns and journals: never renumber."""

from enum import IntEnum


class Reason(IntEnum):
    """Why a vehicle got nothing, got less, or said no. The name is what people and JSON see."""

    NONE = 0
    NOT_AVAILABLE = 1
    NOT_V2G = 2
    NOT_CHARGING = 3
    PRIORITY = 4
    NO_CONSENT = 5
    SOC_FLOOR = 6
    SOC_CEILING = 7
    SOC_BELOW_MIN = 8
    DEPARTURE = 9
    LEAVES_BEFORE_END = 10
    BASELINE_ENDS = 11
    NO_BASELINE = 12
    NO_HEADROOM = 13
    MIN_POWER = 14
    RAMP = 15
    STALE = 16
    LOST = 17
    TAGGED = 18
    IN_USE = 19
    SITE_LIMIT = 20
    NODE_LIMIT = 21
    NOT_SELECTED = 22
    BLOCKED = 23
    OVER_LIMIT = 24
    LOCAL_OVERRIDE = 25
    FAULT = 26
    EXPIRED = 27
    SUPERSEDED = 28
    STALE_SEQ = 29
    STOPPED = 30
    NO_DROOP = 31
    ACK_TIMEOUT = 32
    PUBLISH_FAILED = 33
    CLOCK_SKEW = 34
    UNKNOWN = 35
    NOT_NEEDED = 36


EXPLANATION: dict[Reason, str] = {
    Reason.NONE: "",
    Reason.NOT_AVAILABLE: "not plugged in or not offered",
    Reason.NOT_V2G: "can't inject (no V2G)",
    Reason.NOT_CHARGING: "not charging, so nothing to reduce",
    Reason.PRIORITY: "the driver asked for priority charging",
    Reason.NO_CONSENT: "no consent to discharge",
    Reason.SOC_FLOOR: "at the lowest SoC it may be taken to",
    Reason.SOC_CEILING: "at its charge limit",
    Reason.SOC_BELOW_MIN: "SoC too low for the product or its driver",
    Reason.DEPARTURE: "must charge for its departure",
    Reason.LEAVES_BEFORE_END: "leaves before the end",
    Reason.BASELINE_ENDS: "its charging ends by itself before the end",
    Reason.NO_BASELINE: "charging, but no fresh measurement to count from",
    Reason.NO_HEADROOM: "no headroom in this direction",
    Reason.MIN_POWER: "its share is below its minimum power",
    Reason.RAMP: "limited by its ramp",
    Reason.STALE: "telemetry is stale",
    Reason.LOST: "not heard of for long",
    Reason.TAGGED: "blocked by a tag",
    Reason.IN_USE: "owned by another dispatch",
    Reason.SITE_LIMIT: "its site is at its limit",
    Reason.NODE_LIMIT: "its feeder is at its limit",
    Reason.NOT_SELECTED: "outside the selection",
    Reason.BLOCKED: "on hold after recent failures",
    Reason.OVER_LIMIT: "asked for more than it can do",
    Reason.LOCAL_OVERRIDE: "overridden locally",
    Reason.FAULT: "reports a fault",
    Reason.EXPIRED: "the command came too late",
    Reason.SUPERSEDED: "replaced by a newer command",
    Reason.STALE_SEQ: "older than its newest command",
    Reason.STOPPED: "dispatch is stopped",
    Reason.NO_DROOP: "can't arm a frequency response",
    Reason.ACK_TIMEOUT: "no acknowledgement",
    Reason.PUBLISH_FAILED: "the broker did not take the command",
    Reason.CLOCK_SKEW: "its clock is off",
    Reason.UNKNOWN: "gave a reason of its own",
    Reason.NOT_NEEDED: "the target is met without it",
}
