"""`make fuzz MINUTES=5`: every target in turn in a process of its own, led by coverage where atheris is installed; prints a table.

One target alone: `python -m tests.fuzz.run --only ack`. A finding is written to the folder that is named at the end, as the bytes to feed.
"""

import argparse
import importlib.util
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.mutation import NASTY, Step, mutated

LARGEST_BYTES = 70_000
MEMORY_MIB = 1024
SLOWEST_S = 10
_SAYS_WHY = re.compile(r"\s*([A-Za-z_.]*(Error|Exception)\b|ERROR: libFuzzer|==\d+== ERROR)")


def main() -> int:
    """0 if nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="for all targets together")
    parser.add_argument("--only", help="one target, by name")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=10.0, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, default=None, help="where findings and inputs that reached something new are kept")
    chosen = parser.parse_args()
    if chosen.child is not None:
        _child(chosen.child, chosen.seconds, chosen.folder)
        return 0
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="v2g-fuzz-found-"))
    names = [chosen.only] if chosen.only else _names()
    return _all(names, 60.0 * chosen.minutes / len(names), folder)


def _names() -> list[str]:
    from tests.fuzz import local, wire

    return [target.name for target in (*wire.TARGETS, *local.TARGETS)]


def _all(names: list[str], seconds: float, folder: Path) -> int:
    led = "by coverage (atheris)" if importlib.util.find_spec("atheris") else "by damaged examples (atheris is not installed)"
    print(f"{len(names)} targets, {seconds:.0f} s each, led {led}")
    print(f"{'target':18} {'executions':>12} {'a second':>9} {'peak MiB':>9}  finding")
    found = 0
    for name in names:
        begun_at = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.run", "--child", name, "--seconds", str(seconds), "--folder", str(folder)],
            capture_output=True, text=True, errors="replace", timeout=seconds + 120, check=False,
        )  # fmt: skip
        told = done.stdout + done.stderr
        runs, peak = _number(r"number_of_executed_units:\s*(\d+)", told), _number(r"peak_rss_mb:\s*(\d+)", told)
        finding = "" if done.returncode == 0 else _finding(told)
        found += bool(finding)
        print(f"{name:18} {runs:12,} {runs / (time.monotonic() - begun_at):9,.0f} {peak:9,}  {finding or '-'}", flush=True)
        if finding:
            (folder / f"{name}.txt").write_text(told)
    print(f"{found} findings" + (f", kept in {folder}" if found else ""))
    return 1 if found else 0


def _number(pattern: str, told: str) -> int:
    hits = re.findall(pattern, told)
    return int(hits[-1]) if hits else 0


def _finding(told: str) -> str:
    lines = [
        line.strip() for line in told.splitlines() if re.match(r"\s*([A-Za-z_.]*(Error|Exception)\b|ERROR: libFuzzer|==\d+== ERROR)", line)
    ]
    return (lines[0] if lines else "it ended badly")[:100]


def _child(name: str, seconds: float, folder: Path) -> None:
    """Fuzz one target in this process; ends it."""
    try:
        import atheris
    except ImportError:
        _without_coverage(name, seconds, folder)
        return
    with atheris.instrument_imports(include=["v2g_console"]):
        from tests.fuzz import local, wire
    (target,) = (one for one in (*wire.TARGETS, *local.TARGETS) if one.name == name)
    corpus = folder / f"corpus-{name}"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    words = folder / "words"
    words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in NASTY if len(word) < 60))
    atheris.Setup(
        [
            sys.argv[0], str(corpus), f"-max_total_time={seconds:.0f}", f"-timeout={SLOWEST_S}", f"-rss_limit_mb={MEMORY_MIB}",
            f"-max_len={LARGEST_BYTES}", f"-artifact_prefix={folder}/{name}-", f"-dict={words}", "-print_final_stats=1", "-len_control=0",
        ],
        target.feed,
    )  # fmt: skip
    atheris.Fuzz()


def _without_coverage(name: str, seconds: float, folder: Path) -> None:
    from tests.fuzz import local, wire

    (target,) = (one for one in (*wire.TARGETS, *local.TARGETS) if one.name == name)
    chance = random.Random(time.time_ns())
    ends_at, runs = time.monotonic() + seconds, 0
    while time.monotonic() < ends_at:
        data = mutated(chance.choice(target.seeds), [_step(chance) for _ in range(chance.randint(1, 6))])
        try:
            target.feed(data)
        except BaseException:
            (folder / f"{name}-finding").write_bytes(data)
            raise
        finally:
            runs += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"number_of_executed_units: {runs}\npeak_rss_mb: {peak}")


def _step(chance: random.Random) -> Step:
    piece = chance.choice(NASTY) if chance.random() < 0.5 else chance.randbytes(chance.randint(0, 8))
    return chance.randint(0, 5), chance.randint(0, 70_000), piece


if __name__ == "__main__":
    sys.exit(main())
