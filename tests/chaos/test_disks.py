"""A disk that fills up or takes no writes under a running engine: nothing new goes out, release and STOP do, all is journalled later."""

import contextlib
import json
import os
import resource
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from tests.broker.brokers import start_nats
from tests.chaos.gateway import DEADLINE_S, LONG, PROGRAM, Gateway, wait

VEHICLES = 12
SIZE_MIB = 6
LEASE_S = 3.0


class Disk(Protocol):
    """Where journal, export and log are; it can be made to fail under a process, and mended."""

    folder: Path

    def fail(self, pid: int) -> None:
        """From now on nothing more fits."""

    def mend(self, pid: int) -> None:
        """There is room again."""


class FullDisk:
    """A small RAM disk that a large file fills, and fills again whenever somebody gives room back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._enough = threading.Event()
        self._filling = threading.Thread(target=self._fill, daemon=True)

    def fail(self, pid: int) -> None:
        """Fill it to the last byte."""
        self._filling.start()
        wait(lambda: shutil.disk_usage(self.folder).free == 0, "the disk is full")

    def mend(self, pid: int) -> None:
        """Remove the file."""
        self._enough.set()
        self._filling.join()
        (self.folder / "filler").unlink()

    def _fill(self) -> None:
        with (self.folder / "filler").open("wb", buffering=0) as filler:
            while not self._enough.wait(0.005):
                for size in (1 << 16, 1 << 12):
                    with contextlib.suppress(OSError):
                        while filler.write(bytes(size)):
                            pass


class RefusingDisk:
    """A disk on which no file may grow, for one process: what a file system gone read-only is for a journal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fail(self, pid: int) -> None:
        """Every write beyond the first byte of a file fails."""
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))

    def mend(self, pid: int) -> None:
        """Writes work again."""
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A RAM disk, unmounted at the end; skips where that is not allowed."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting a RAM disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(params=["refusing", "full"] if LONG else ["refusing"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """Each kind in turn."""
    if request.param == "refusing":
        (tmp_path / "disk").mkdir()
        yield RefusingDisk(tmp_path / "disk")
        return
    with mounted(tmp_path / "disk", f"size={SIZE_MIB}m,mode=0700") as folder:
        yield FullDisk(folder)


def refused_by_the_journal(gateway: Gateway) -> bool:
    """Whether one more dispatch is refused because it can't be journalled."""
    done = gateway.command("dispatch", "--signal", "MA", "--power-kw", "0.5", "--duration", "10m")
    return done.returncode == 5 and "journal" in done.stdout + done.stderr


def leases_ended(gateway: Gateway) -> bool:
    """Whether every vehicle that was asked for power has gone back to its own plan because nothing more came."""
    ended = {line["vehicle_id"] for line in gateway.lines() if line["event"] == "change" and line["why"] == "lease end"}
    return ended >= {line["vehicle_id"] for line in gateway.commands()}


def test_a_disk_that_fails_in_mid_dispatch_stops_what_is_new_and_nothing_else(disk: Disk, tmp_path: Path) -> None:
    broker = start_nats(tmp_path / "broker")
    gateway = Gateway(tmp_path, broker.url)
    gateway.journal = disk.folder / "journal.db"
    export = f"export: {{path: '{disk.folder}/export.jsonl'}}"
    gateway.write_config(
        broker.url,
        journal=f"{{backend: sqlite, path: '{gateway.journal}', {export}}}",
        dispatch="{ack_timeout_seconds: 2, reallocation: none, ramp_kw_per_s: 2}",  # so slow that a round is due at each moment
    )
    orders = json.dumps({"lease_s": LEASE_S})
    try:
        with gateway.vehicles(broker.url, VEHICLES), gateway.engine(orders=orders, stderr=disk.folder / "engine.log") as engine:
            engine.said("engine.ready")
            gateway.all_fresh(VEHICLES)
            wanted = ("dispatch", "--signal", "MA", "--power-kw", "40", "--duration", "10m")
            wait(lambda: gateway.command(*wanted).returncode == 0, "vehicles have described themselves, and it is sent")
            dispatch_id = engine.said("dispatch.active")["dispatch_id"]
            disk.fail(engine.process.pid)
            wait(lambda: refused_by_the_journal(gateway), "nothing new is sent")  # what the log's file has room for is still taken
            engine.said("alarm.raised", kind="journal_failing")
            wait(lambda: leases_ended(gateway), "no renewal and no step reaches a vehicle, and its lease ends")
            before = len(gateway.commands())
            stop = gateway.command("stop")
            assert stop.returncode == 0, stop.stdout + stop.stderr
            done = engine.said("dispatch.stopped", dispatch_id=dispatch_id)
            told = {line["vehicle_id"] for line in gateway.commands()[:before]}  # not whom a step that failed would have taken in
            assert (done["released"], done["owed"]) == (len(told), 0)
            assert {line["decision"] for line in gateway.commands()[before:]} == {"released"}
            assert gateway.ask("status")["engine"]["stopped"], "it answers while the disk fails"
            disk.mend(engine.process.pid)
            engine.said("alarm.cleared", kind="journal_failing")
            engine.process.terminate()
            assert engine.ended() == 0
        assert gateway.journal_command("verify").startswith("ok:")
        entries = gateway.entries()
        kinds = [entry["kind"] for entry in entries]
        assert {"journal.failed", "round.release", "releases", "dispatch.stopped", "journal.closed"} <= set(kinds)
        asked = [(entry["record"]["request"], entry["record"]["outcome"]) for entry in entries if entry["kind"] == "request"]
        assert ("dispatch", "accepted") in asked
        assert ("stop", "accepted") in asked
        rounds = [entry for entry in entries if entry["kind"] == "round.release"]
        assert {name for entry in rounds for name in entry["record"]["vehicle_ids"]} == {
            line["vehicle_id"] for line in gateway.commands()[before:]
        }
        seqs = {entry["record"]["seq"] for entry in entries if entry["kind"].startswith("round.")}
        assert {line["seq"] for line in gateway.commands()} <= seqs, "what reached a vehicle is in the journal"
        exported = (disk.folder / "export.jsonl").read_text("utf-8").splitlines()
        assert f'"number":{entries[-2]["number"]},' in exported[-1] or len(exported) >= len(entries) - 5
        assert (disk.folder / "engine.log").read_text("utf-8").rstrip().endswith("}"), "the log goes on"
    finally:
        broker.stop()


def test_an_engine_on_a_read_only_disk_refuses_to_start_and_says_why(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=1m,ro") as folder:
        gateway = Gateway(tmp_path, "tcp://127.0.0.1:1", journal=f"{{backend: sqlite, path: '{folder}/journal.db'}}")
        done = subprocess.run(
            [*PROGRAM, "run", "-c", str(gateway.config), "--no-ui"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=DEADLINE_S, check=False, env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
        )  # fmt: skip
    assert done.returncode == 2
    assert f"{folder}/journal.db" in done.stderr
    assert "Read-only file system" in done.stderr
    assert "Traceback" not in done.stderr
