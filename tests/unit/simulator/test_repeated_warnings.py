import logging

from v2g_console.simulator.run import OncePerHalfMinute


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("simulator", logging.WARNING, __file__, 1, "link down: %s", (text,), None)


def test_the_same_trouble_is_told_once_in_half_a_minute() -> None:
    now_s = [0.0]
    once = OncePerHalfMinute(lambda: now_s[0])
    told = []
    for at_s, text in ((0, "refused"), (1, "refused"), (2, "timeout"), (29, "refused"), (31, "refused"), (32, "timeout")):
        now_s[0] = float(at_s)
        if once.filter(record(text)):
            told.append((at_s, text))
    assert told == [(0, "refused"), (2, "timeout"), (31, "refused"), (32, "timeout")]
