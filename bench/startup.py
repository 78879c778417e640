"""How long starting takes: `--help`, headless `engine.ready` with the broker already up, first paint of the console. Medians.

python bench/startup.py [--rounds 5]
"""

import argparse
import os
import pty
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from v2g_console.runtime.embedded_broker import EmbeddedBroker

PROGRAM = [sys.executable, "-m", "v2g_console"]


def help_s() -> float:
    """Seconds from exec to the end of `--help`."""
    begun = time.monotonic()
    subprocess.run([*PROGRAM, "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - begun


def ready_s(config: Path) -> float:
    """Seconds from exec to the line `engine.ready`."""
    begun = time.monotonic()
    process = subprocess.Popen([*PROGRAM, "run", "-c", str(config), "--no-ui"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if b'"engine.ready"' in line:
                return time.monotonic() - begun
    finally:
        process.terminate()
        process.wait(10)
    raise SystemExit("the engine did not get ready")


def first_paint_s(config: Path) -> float:
    """Seconds from exec to the first bytes of a drawn screen (the word FLEET or Fleet of a pane's title)."""
    begun = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS="120", LINES="36")
        os.execv(sys.executable, [*PROGRAM, "run", "-c", str(config)])
    seen = b""
    try:
        while b"Fleet" not in seen:
            if not select.select([terminal], [], [], 10)[0]:
                raise SystemExit("nothing was painted")
            seen += os.read(terminal, 65536)
        return time.monotonic() - begun
    finally:
        os.kill(pid, 15)
        while select.select([terminal], [], [], 5)[0]:
            try:
                if not os.read(terminal, 65536):
                    break
            except OSError:
                break
        os.waitpid(pid, 0)
        os.close(terminal)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with EmbeddedBroker() as broker, tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(
            f"mqtt:\n  broker: {broker.url}\nmetrics:\n  port: 0\njournal:\n  backend: memory\nsocket:\n  path: {folder}/engine.sock\n",
            "utf-8",
        )
        for name, limit_ms, measure in (
            ("--help", 250, help_s),
            ("headless engine.ready", 600, lambda: ready_s(config)),
            ("first paint", 1000, lambda: first_paint_s(config)),
        ):
            median_ms = statistics.median(measure() for _ in range(rounds)) * 1000
            print(f"{name:<24} {median_ms:>7.0f} ms   (wanted: under {limit_ms} ms)")


if __name__ == "__main__":
    main()
