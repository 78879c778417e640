"""Look at the console without an engine: `python -m tests.console.preview [picture] [--help]`."""

import argparse
import sys

PICTURES = ("normal", "quiet", "empty", "cut", "alarmed", "stopped", "read_only", "hostile")


def main() -> int:
    """Run on a scripted engine; `q` leaves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", default="normal", choices=PICTURES)
    parser.add_argument("--theme", default="grey-dark")
    parser.add_argument("--vehicles", type=int, default=200)
    parser.add_argument("--ascii", action="store_true")
    parser.add_argument("--low-bandwidth", action="store_true")
    parser.add_argument("--no-color", action="store_true")
    chosen = parser.parse_args()

    from v2g_console.console.terminal import prepare

    prepare(chosen.low_bandwidth, chosen.ascii, chosen.no_color)

    from tests.console import pictures
    from tests.console.fake_port import FakePort
    from tests.console.hostile_port import hostile_port
    from v2g_console.console.app import run_console
    from v2g_console.console.options import ConsoleOptions
    from v2g_console.contract.requests import Origin

    if chosen.picture == "hostile":
        port = hostile_port("".join(pictures.HOSTILE[:8]))
    elif chosen.picture == "normal":
        port = FakePort(pictures.normal(chosen.vehicles))
    else:
        port = FakePort(getattr(pictures, chosen.picture)())
    options = ConsoleOptions(theme=chosen.theme, low_bandwidth=chosen.low_bandwidth, ascii=chosen.ascii, demo=True)
    ended = run_console(port, Origin(user="ana", way="console"), options)
    sys.stdout.write(f"{ended}\nASKED:{','.join(type(request).__name__ for request in port.requests)},END\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
