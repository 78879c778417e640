"""`python -m tests.chaos [--seeds N] [--first N] [--minutes M] [--at-once K] [--mutants]`: many scenarios, and a table at the end."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.chaos.laws import LAWS, Verdict, judge
from tests.chaos.mutants import MUTANTS
from tests.chaos.plan import contested, demanding, late, misdated, overtaken, scenario
from tests.chaos.play import ChaosError, Played, play

_TRIALS = {"demanding": demanding, "contested": contested, "late": late, "overtaken": overtaken, "misdated": misdated}
_SEEDS_A_MUTANT = 3


class Sums:
    """What has happened over all scenarios."""

    def __init__(self) -> None:
        self.played = self.seconds = 0.0
        self.faults: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.facts: Counter[str] = Counter()
        self.against: Counter[str] = Counter()
        self.dispatches = self.commands = 0
        self.failed: list[int] = []

    def add(self, played: Played, verdict: Verdict) -> None:
        """One scenario more."""
        self.played += 1
        self.seconds += played.seconds
        self.faults.update(played.injected)
        self.asked.update(played.asked)
        self.facts.update(verdict.looked_at)
        self.against.update(violation.law for violation in verdict.violations)
        self.dispatches += len(played.evidence.dispatches)
        self.commands += sum(map(len, played.evidence.commands.values()))
        if verdict.violations:
            self.failed.append(played.scenario.seed)

    def table(self) -> str:
        """For people."""
        lines = [
            "",
            f"scenarios {self.played:.0f}   dispatches {self.dispatches}   "
            f"commands at vehicles {self.commands}   faults {self.faults.total()}",
            "",
            "law          facts looked at   violations",
            *(f"{law:<12} {self.facts[law]:>15} {self.against[law]:>12}" for law in LAWS),
            "",
            "fault                                                  injected",
            *(f"{name:<52} {count:>10}" for name, count in sorted(self.faults.items())),
            "",
            "request                                               asked",
            *(f"{name:<52} {count:>10}" for name, count in sorted(self.asked.items())),
        ]
        if self.failed:
            lines += ["", f"failed: {' '.join(map(str, sorted(self.failed)))}; repeat one with make chaos SEEDS=1 FIRST=<seed>"]
        return "\n".join(lines)


async def run(first: int, count: int, minutes: float, at_once: int, folder: Path, keep: bool) -> int:
    """Play `count` scenarios, at most for `minutes`; the exit code."""
    sums, ends, seeds = Sums(), time.monotonic() + minutes * 60.0, iter(range(first, first + count))

    async def worker() -> None:
        for seed in seeds:
            if time.monotonic() > ends:
                return
            await _one(seed, folder, sums, keep)

    await asyncio.gather(*(worker() for _ in range(at_once)))
    say(sums.table())
    return 1 if sums.failed else 0


async def mutants(seed: int, at_once: int, folder: Path) -> int:
    """Play one demanding scenario with each mutant, and with none; the exit code is 1 if one escapes, or the healthy engine is accused."""
    names, rows = iter([*_TRIALS, *MUTANTS]), []

    async def worker() -> None:
        for name in names:
            try:
                fine, laws = await _tried(name, seed, folder)
            except ChaosError as error:
                rows.append((False, name, str(error)))
                say(f"BROKEN  {name}: {error}")
                continue
            label = name if name in MUTANTS else f"healthy ({name})"
            rows.append((fine, label, ", ".join(f"{law} {count}" for law, count in laws.items())))
            say(f"{'ok     ' if fine else 'ESCAPED'} {label:<42} {rows[-1][2]}")

    await asyncio.gather(*(worker() for _ in range(at_once)))
    say(f"files in {folder}")
    return 0 if all(fine for fine, _, _ in rows) else 1


async def _tried(name: str, seed: int, folder: Path) -> tuple[bool, Counter[str]]:
    """Whether a mutant is caught (a trial by its own name: whether the healthy engine is not accused), and the laws that were violated.

    Which packets overtake each other is chance: a mutant escapes if three seeds in a row don't catch it. Raises ChaosError.
    """
    mutant = MUTANTS.get(name)
    laws: Counter[str] = Counter()
    for number in range(seed, seed + (_SEEDS_A_MUTANT if mutant else 1)):
        place = folder / f"{name.replace(' ', '-').replace(chr(39), '')}-{number}"
        played = await play(_TRIALS[mutant.trial if mutant else name](number), place, name if mutant else "")
        laws = Counter(violation.law for violation in judge(played.evidence).violations)
        if mutant and mutant.caught_by & set(laws):
            return True, laws
    return mutant is None and not laws, laws


async def _one(seed: int, folder: Path, sums: Sums, keep: bool) -> None:
    place = folder / f"seed-{seed}"
    try:
        played = await play(scenario(seed), place)
    except ChaosError as error:
        say(f"seed {seed}: {error}")
        sums.failed.append(seed)
        return
    verdict = judge(played.evidence)
    sums.add(played, verdict)
    faults = ", ".join(sorted(played.injected))
    say(f"seed {seed}: {'VIOLATED' if verdict.violations else 'ok'} in {played.seconds:.0f} s ({faults})")
    for violation in verdict.violations:
        say(f"    {violation}")
    if verdict.violations:
        say(f"    repeat with: make chaos SEEDS=1 FIRST={seed}; everything about it is in {place}")
    elif not keep:
        shutil.rmtree(place)


def say(text: str) -> None:
    """A line on standard output, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """The exit code: 1 if a law was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seeds", type=int, default=20, help="how many scenarios")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--minutes", type=float, default=600.0, help="start none after this")
    parser.add_argument("--at-once", type=int, default=4, help="scenarios at the same time")
    parser.add_argument("--keep", action="store_true", help="keep the files of scenarios without a violation too")
    parser.add_argument("--mutants", action="store_true", help="break the engine in every known way instead, and see it caught")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    if given.mutants:
        return asyncio.run(mutants(given.first, given.at_once, folder))
    return asyncio.run(run(given.first, given.seeds, given.minutes, given.at_once, folder, given.keep))


if __name__ == "__main__":
    sys.exit(main())
