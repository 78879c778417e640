"""The vehicles of `bench/afrr.py` in a process of their own, which tells the truth: a line of JSON twice a second on standard output.

    python bench/afrr_fleet.py '{"broker": "mqtt://127.0.0.1:1883", "vehicles": 1000, ...}'

The argument holds `SimulateOptions`. `true_kw` is what all vehicles together give more than they would if nobody had ever asked them
anything: each has a twin that hears no command. `at_s` is the machine's monotonic clock, the same in all its processes. The first line
comes when every vehicle is subscribed; ends at SIGTERM or when nobody reads any more.
"""

import argparse
import asyncio
import json
import logging
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from v2g_console.simulator.moment import now
from v2g_console.simulator.options import AvailabilityProfile, ProtocolMix, SimulateOptions
from v2g_console.simulator.run import RunningFleet, simulate
from v2g_console.simulator.vehicle import Vehicle


async def tell(fleet: RunningFleet, stop: asyncio.Event, every_s: float) -> None:
    """Compare the fleet with its twins until `stop` or a closed pipe."""
    began = now()
    twins = [Vehicle(station.vehicle.spec, began) for station in fleet.stations]
    while not stop.is_set():
        at, true_kw = now(), 0.0
        for station, twin in zip(fleet.stations, twins, strict=True):
            true_kw += station.vehicle.power_kw(at) - twin.power_kw(at)
        tally = fleet.tally
        line = {"at_s": at.steady_s, "true_kw": true_kw, "commands": tally.commands, "lost": tally.dropped + tally.missed}
        try:
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            stop.set()
        await asyncio.sleep(every_s)


async def run(options: SimulateOptions) -> None:
    """Until SIGTERM."""
    stop, telling = asyncio.Event(), set[asyncio.Task[None]]()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    every_s = 0.5 if options.vehicles <= 2000 else 1.0  # looking at each vehicle must not delay their answers
    await simulate(options, stop, lambda fleet: telling.add(asyncio.create_task(tell(fleet, stop, every_s))))
    await asyncio.gather(*telling)


def main() -> None:
    """Read the options, run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("options", type=json.loads, help="SimulateOptions as a JSON object")
    told = parser.parse_args().options
    logging.getLogger("mqtt").setLevel(logging.ERROR)  # many publishes at once are normal here
    told |= {"protocol": ProtocolMix(told.get("protocol", "mixed")), "availability_profile": AvailabilityProfile.ALWAYS}
    asyncio.run(run(SimulateOptions(**told)))


if __name__ == "__main__":
    main()
