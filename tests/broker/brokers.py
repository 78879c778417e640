"""Real brokers for tests: `start_mosquitto` and `start_nats` give a handle with a URL, `kill`, `restart` and `stop`."""

import base64
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

DEPLOY = Path(__file__).parents[2] / "deploy" / "mosquitto"
START_DEADLINE_S = 30.0
INSTALL_HINT = "apt-get install mosquitto"


def find_mosquitto() -> Path | None:
    """The broker's program: on PATH, or where Debian puts it."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


def find_nats_server() -> Path:
    """The nats-server of the wheel, beside the interpreter."""
    beside = Path(sys.executable).with_name("nats-server")
    return beside if beside.exists() else Path(shutil.which("nats-server") or "nats-server")


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of a server or client."""

    certificate: Path
    key: Path
    ca: Path


@dataclass(slots=True)
class Broker:
    """A running broker; `stop` it."""

    command: Callable[[int], list[str]]
    directory: Path
    scheme: str = "tcp"
    host: str = "127.0.0.1"
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.directory / "broker.log"

    @property
    def url(self) -> str:
        """For `mqtt.broker`."""
        return f"{self.scheme}://{self.host}:{self.port}"

    def start(self) -> None:
        """Start on the port of before, or on a free one, and wait until it listens."""
        fixed = self.port
        for _ in range(3):  # somebody else may take a free port first
            self.port = fixed or free_port()
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(self.command(self.port), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            if self._listens():
                return
            self.stop()
        raise RuntimeError(f"the broker does not start:\n{self.log.read_text()[-2000:]}")

    def _listens(self) -> bool:
        assert self.process is not None
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
            except OSError:
                time.sleep(0.01)
            else:
                return True
        return False

    def kill(self) -> None:
        """End it without a word, as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def restart(self) -> None:
        """Start it again on the same port after `kill` or `stop`."""
        self.start()

    def stop(self) -> None:
        """End it cleanly, by force if it takes more than 5 s."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None


def start_mosquitto(
    directory: Path,
    *,
    tls: TlsFiles | None = None,
    require_certificate: bool = False,
    users: dict[str, str] | None = None,
    acl: Path | None = None,
    tuned: bool = True,
    extra: str = "",
) -> Broker:
    """mosquitto on a free loopback port with the files that we ship, read where they are; `users` maps names to passwords."""
    program = find_mosquitto()
    assert program is not None, f"mosquitto is missing: {INSTALL_HINT}"
    directory.mkdir(parents=True, exist_ok=True)
    lines = [*([f"include_dir {DEPLOY}"] if tuned else []), *(["user root"] if os.geteuid() == 0 else [])]
    body = [f"allow_anonymous {'false' if users or require_certificate else 'true'}"]
    if tls:
        body += [f"cafile {tls.ca}", f"certfile {tls.certificate}", f"keyfile {tls.key}"]
    if require_certificate:
        body += ["require_certificate true", "use_identity_as_username true"]
    if users:
        passwords = directory / "passwords"
        passwords.write_text("".join(f"{name}:{mosquitto_hash(password)}\n" for name, password in users.items()))
        passwords.chmod(0o600)
        body.append(f"password_file {passwords}")
    if acl:
        body.append(f"acl_file {acl}")

    def command(port: int) -> list[str]:
        config = directory / "mosquitto.conf"
        config.write_text("\n".join([*lines, f"listener {port} 127.0.0.1", *body, extra, ""]))
        return [str(program), "-c", str(config), "-v"]

    broker = Broker(command, directory, scheme="ssl" if tls else "tcp")
    broker.start()
    return broker


def start_as_shipped(directory: Path, tls: TlsFiles) -> Broker:
    """mosquitto with the listener, tuning and ACL of `deploy/`: only paths and port are those of the test."""
    program = find_mosquitto()
    assert program is not None, f"mosquitto is missing: {INSTALL_HINT}"
    directory.mkdir(parents=True, exist_ok=True)
    ours = {"cafile": tls.ca, "certfile": tls.certificate, "keyfile": tls.key, "acl_file": DEPLOY / "acl"}

    def command(port: int) -> list[str]:
        lines = [f"include_dir {DEPLOY}", *(["user root"] if os.geteuid() == 0 else [])]
        for line in (DEPLOY / "listener.example").read_text().splitlines():
            name = line.partition(" ")[0]
            lines.append(f"listener {port} 127.0.0.1" if name == "listener" else f"{name} {ours[name]}" if name in ours else line)
        config = directory / "mosquitto.conf"
        config.write_text("\n".join([*lines, ""]))
        return [str(program), "-c", str(config), "-v"]

    broker = Broker(command, directory, scheme="ssl")
    broker.start()
    return broker


def start_nats(directory: Path, *, users: dict[str, str] | None = None) -> Broker:
    """nats-server with its MQTT 3.1.1 listener on loopback; the first start lets it choose the port and reads it from its log."""
    program = find_nats_server()
    listed = ", ".join(f'{{user: "{name}", password: "{password}"}}' for name, password in (users or {}).items())
    authorization = f"authorization {{ users: [{listed}] }}" if users else ""

    def command(port: int) -> list[str]:
        config = directory / "nats.conf"
        config.write_text(
            f'server_name: test\nhost: 127.0.0.1\nport: -1\njetstream {{ store_dir: "{directory / "store"}" }}\n'
            f"mqtt {{ host: 127.0.0.1, port: {port} }}\n{authorization}\n"
        )
        return [str(program), "-c", str(config)]

    directory.mkdir(parents=True, exist_ok=True)
    broker = _NatsBroker(command, directory)
    broker.start()
    return broker


class _NatsBroker(Broker):
    def start(self) -> None:
        start_of_log = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command(self.port or -1), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            text = self.log.read_bytes()[start_of_log:].decode(errors="replace")
            found = re.search(r"Listening for MQTT clients on \S*:(\d+)", text)
            if found and "Server is ready" in text:
                self.port = int(found[1])
                return
            time.sleep(0.01)
        raise RuntimeError(f"nats-server does not start:\n{self.log.read_text()[-2000:]}")


def mosquitto_hash(password: str) -> str:
    """mosquitto's own format: PBKDF2-SHA512, 101 rounds."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101, 64)
    return f"$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
