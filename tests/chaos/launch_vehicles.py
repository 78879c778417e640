"""`python -m tests.chaos.launch_vehicles [arguments of v2g-console]`: the program with vehicles whose clock is off by `CHAOS_OFFSET_S`."""

import os
import sys

from tests.chaos.points import replace
from v2g_console.simulator.moment import Moment

if __name__ == "__main__":
    import v2g_console.simulator.run  # noqa: F401  `now` must have been imported to wherever it is used

    offset_s = float(os.environ.get("CHAOS_OFFSET_S", "0"))

    def shifted(original):  # type: ignore[no-untyped-def]  # of `now`, whatever it is
        def now() -> Moment:
            at = original()
            return Moment(at.steady_s, at.utc_s + offset_s)

        return now

    replace("simulator.moment:now", shifted)
    from v2g_console.simulator.dialogue import Dialogue

    Dialogue.__init__.__defaults__ = tuple(
        sys.modules["v2g_console.simulator.moment"].now if getattr(value, "__name__", "") == "now" else value
        for value in Dialogue.__init__.__defaults__ or ()
    )
    from v2g_console.cli import main

    main()
