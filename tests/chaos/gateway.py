"""A gateway of real processes for one test: broker, vehicles with their own diary, an engine without a screen, commands to it."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = [sys.executable, "-m", "v2g_console"]
ENGINE = [sys.executable, "-m", "tests.chaos.launch_engine"]
ROOT = Path(__file__).parents[2]
DEADLINE_S = 40.0
LONG = os.environ.get("CHAOS_LONG") == "1"
"""Whether cases that are much like others are played too, and the patient ones take their full time."""


def wait(condition: Callable[[], Any], what: str) -> Any:
    """Wait until `condition()` is true; returns what it said."""
    deadline = time.monotonic() + DEADLINE_S
    while not (said := condition()):
        assert time.monotonic() < deadline, f"not within {DEADLINE_S:.0f} s: {what}"
        time.sleep(0.02)
    return said


class Engine:
    """A running engine; `events` is what it has written to its standard output so far."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def said(self, name: str, **fields: object) -> dict[str, Any]:
        """The newest event of a name with these fields, once there is one."""

        def found() -> dict[str, Any] | None:
            fits = (one for one in reversed(self.events) if one["event"] == name and all(one.get(key) == fields[key] for key in fields))
            return next(fits, None)

        try:
            event: dict[str, Any] = wait(found, f"{name} {fields}")
        except AssertionError as error:
            raise AssertionError(f"{error}; there were {[one['event'] for one in self.events]}") from None
        return event

    def ended(self) -> int:
        """Its exit code, once it has ended and all it wrote is read."""
        code = self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        return code


class Gateway:
    """Everything in one folder. `sections` are lines of the configuration; a section that is written there replaces its default."""

    def __init__(self, folder: Path, broker_url: str, **sections: str) -> None:
        self.folder = folder
        self.diary = folder / "vehicles.jsonl"
        self.journal = folder / "journal.db"
        self.socket = folder / "engine.sock"
        self.config = folder / "config.yaml"
        self.write_config(broker_url, **sections)

    def write_config(self, broker_url: str, **sections: str) -> None:
        """Write the configuration anew."""
        lines = {
            "mqtt": f"{{broker: '{broker_url}', client_id: '{self.folder.name[:40]}'}}",
            "metrics": "{port: 0}",
            "socket": f"{{path: '{self.socket}'}}",
            "journal": f"{{backend: sqlite, path: '{self.journal}'}}",
            "telemetry": "{interval_s: 1}",
            "dispatch": "{ack_timeout_seconds: 2}",
            **sections,
        }
        self.config.write_text("".join(f"{name}: {body}\n" for name, body in lines.items()), "utf-8")

    @contextmanager
    def vehicles(self, url: str, count: int, *more: str) -> "Iterator[subprocess.Popen[bytes]]":
        """Simulated vehicles that report each second and write a diary."""
        arguments = ["--broker", url, "--vehicles", str(count), "--telemetry-interval", "1", "--availability-profile", "always"]
        process = subprocess.Popen([*PROGRAM, "simulate", *arguments, "--log", str(self.diary), *more], stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(10)

    @contextmanager
    def engine(self, *, orders: str = "{}", stderr: Path | None = None) -> Iterator[Engine]:
        """An engine that is ended with the test. `orders` as for `launch_engine`; `stderr`: a file for its log."""
        log = (stderr or self.folder / "engine.log").open("ab")
        process = subprocess.Popen(
            [*ENGINE, "run", "-c", str(self.config), "--no-ui"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
            cwd=ROOT, env=os.environ | {"CHAOS": orders},
        )  # fmt: skip
        engine = Engine(process)
        try:
            yield engine
        finally:
            if process.poll() is None:
                process.kill()
            engine.ended()
            log.close()
            assert process.stdout is not None
            process.stdout.close()

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A command to the running engine."""
        return subprocess.run(
            [*PROGRAM, *arguments, "--socket", str(self.socket)], capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )

    def ask(self, *arguments: str) -> dict[str, Any]:
        """The answer of a command that must be accepted."""
        done = self.command(*arguments, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)["result"]
        return answer

    def journal_command(self, *arguments: str) -> str:
        """What `journal` says of this gateway's journal; it must succeed."""
        done = subprocess.run(
            [*PROGRAM, "journal", *arguments, "--file", str(self.journal)], capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def entries(self, *filters: str) -> list[dict[str, Any]]:
        """Journal entries as `journal export` writes them."""
        return [json.loads(line) for line in self.journal_command("export", *filters).splitlines()]

    def all_fresh(self, count: int) -> None:
        """Wait until `count` vehicles report."""
        wait(lambda: self.ask("status")["fleet"]["fresh"] >= count, f"{count} vehicles report")

    def lines(self) -> list[dict[str, Any]]:
        """What happened to the vehicles, by their own diary."""
        text = self.diary.read_text("utf-8") if self.diary.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def commands(self) -> list[dict[str, Any]]:
        """Commands that arrived at vehicles, in the order of their arrival."""
        return [line for line in self.lines() if line["event"] == "command"]

    def targets_kw(self) -> dict[str, float | None]:
        """What each vehicle was made to do last, by its diary (None: its driver's plan)."""
        held: dict[str, float | None] = {}
        for line in self.lines():
            if line["event"] in ("command", "change"):
                held[line["vehicle_id"]] = line.get("target_kw")
        return held


def in_order(commands: list[dict[str, Any]]) -> bool:
    """True if no vehicle applied an older seq after a newer one."""
    newest: dict[str, int] = {}
    for one in commands:
        seq = one.get("seq") or int(one["command_id"].split("-")[1])
        if one["decision"] in ("applied", "limited", "released") and seq < newest.get(one["vehicle_id"], 0):
            return False
        newest[one["vehicle_id"]] = max(seq, newest.get(one["vehicle_id"], 0))
    return True
