"""Secrets planted wherever a secret can be, and looked for wherever anything comes out: real processes, forced crashes included."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from tests.broker.brokers import Broker, TlsFiles, free_port, start_mosquitto
from tests.broker.conftest import write_certificate
from tests.broker.test_program import until
from v2g_console.cli.entry import exit_code

PROGRAM = [sys.executable, "-m", "v2g_console"]
PASSWORD = 'canary-pw "quoted"/é#1'
KEY_PASSWORD = "canary-key-pass\\2"
ROTATED = "canary-rotated-3"
LIMIT_S = 60.0


def spellings(secret: str) -> set[bytes]:
    """How a secret may look in text, JSON, a URL or a Python literal."""
    texts = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    return {text.encode() for text in texts}


def leaks(channels: dict[str, bytes], *secrets: str) -> list[tuple[str, str]]:
    """`(channel, secret)` wherever one is found."""
    return [(name, secret) for name, data in channels.items() for secret in secrets if any(one in data for one in spellings(secret))]


class Installation:
    """Configuration, secrets and state of one engine, each where it belongs."""

    def __init__(self, folder: Path, broker: Broker, files: TlsFiles, mqtt: str) -> None:
        self.state = folder / "state"
        self.state.mkdir()
        self.config = folder / "config.yaml"
        self.metrics_port = free_port()
        self.socket = self.state / "engine.sock"
        self.config.write_text(
            f"mqtt:\n  broker: {broker.url}\n  ca_bundle: {files.ca}\n  username: v2g-console\n{mqtt}"
            f"metrics:\n  port: {self.metrics_port}\njournal:\n  path: {self.state}/journal.db\n"
            f"  export:\n    path: {self.state}/export.jsonl\nsocket:\n  path: {self.socket}\n",
            "utf-8",
        )
        self.config.chmod(0o600)
        self.environment = os.environ | {
            "XDG_STATE_HOME": str(self.state), "XDG_RUNTIME_DIR": str(self.state), "TERM": "xterm-256color", "PYTHONASYNCIODEBUG": "1",
        }  # fmt: skip

    def run(self, *arguments: str) -> bytes:
        """What a command prints, standard error too."""
        done = subprocess.run(
            [*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment, timeout=LIMIT_S, check=False
        )
        return done.stdout

    def left_behind(self) -> dict[str, bytes]:
        """Every file that the engine wrote."""
        return {str(path.relative_to(self.state)): path.read_bytes() for path in self.state.rglob("*") if path.is_file()}


@pytest.fixture
def broker(server_files: TlsFiles, tmp_path: Path) -> Iterator[Broker]:
    """mosquitto over TLS that wants a certificate."""
    started = start_mosquitto(tmp_path / "broker", tls=server_files, users={"v2g-console": PASSWORD})
    yield started
    started.stop()


@pytest.fixture
def installation(authority: trustme.CA, broker: Broker, server_files: TlsFiles, tmp_path: Path) -> Installation:
    """Secrets in their own files: the password, and the passphrase of the key."""
    folder = tmp_path / "own"
    folder.mkdir()
    own = write_certificate(authority, authority.issue_cert("engine.test", common_name="v2g-console"), folder)
    key = serialization.load_pem_private_key(own.key.read_bytes(), None)
    sealed = serialization.BestAvailableEncryption(KEY_PASSWORD.encode())
    own.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed))
    for name, secret in (("password", PASSWORD), ("passphrase", KEY_PASSWORD)):
        (folder / name).write_text(f"{secret}\n", "utf-8")
        (folder / name).chmod(0o600)
    return Installation(
        tmp_path,
        broker,
        server_files,
        f"  auth_method: both\n  client_cert: {own.certificate}\n  client_key: {own.key}\n"
        f"  password_file: {folder}/password\n  client_key_password_file: {folder}/passphrase\n",
    )


@pytest.mark.mosquitto
def test_a_running_engine_tells_no_secret_on_any_channel(
    installation: Installation, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    at, config = installation, str(installation.config)
    with (tmp_path / "errors").open("wb") as errors:
        process = subprocess.Popen(
            [*PROGRAM, "run", "-c", config, "--no-ui"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True, env=at.environment,
        )  # fmt: skip
    told: dict[str, bytes] = {}
    try:
        until(process, "engine.ready")
        (tmp_path / "own" / "password").write_text(f"{ROTATED}\n", "utf-8")  # and the broker does not know it
        alarm = until(process, "alarm.raised")
        while alarm["kind"] != "credentials_not_used":
            alarm = until(process, "alarm.raised")
        told["alarm"] = json.dumps(alarm).encode()
        told["command line"] = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        told["metrics"] = urllib.request.urlopen(f"http://127.0.0.1:{at.metrics_port}/metrics", timeout=10).read()
        told["status"] = at.run("status", "--socket", str(at.socket), "--json")
        for command in (["config", "show"], ["config", "show", "--json"], ["config", "check"], ["journal", "export"]):
            exit_code([*command, "-c", config])
            told[" ".join(command)] = "".join(capfd.readouterr()).encode()
        process.send_signal(signal.SIGTERM)
        told["standard output"] = process.communicate(timeout=LIMIT_S)[0].encode()
    finally:
        process.kill()
        process.communicate()
    told |= {"standard error": (tmp_path / "errors").read_bytes()} | at.left_behind()
    assert b'"credentials_fault":"ssl://' in told["status"]
    assert b"v2g_credentials_fault 1.0" in told["metrics"]
    assert b"mqtt.password " in told["config show"]
    assert any(name.startswith("journal.db") and len(data) > 1000 for name, data in told.items())
    assert leaks(told, PASSWORD, KEY_PASSWORD, ROTATED) == []


CRASHING = """
import asyncio, gc, logging, sys, threading
from v2g_console.runtime import run as run_module

class Falls:
    def __init__(self, secret):
        self.secret = secret
    def __del__(self):
        raise ValueError(f"thrown away with {self.secret}")

async def crash(engine, *_, **__):
    settings = engine._core.settings  # a local variable too
    secret = settings.mqtt.password.get_secret_value()
    logging.getLogger("mqtt").error("CONNECT user=%s password=%s", "v2g-console", secret, extra={"packet": secret.encode()})
    logging.getLogger("x").error("as a bare object: %s %r", settings, settings)
    async def lost():
        raise RuntimeError(f"nobody waits for {secret}")
    task = asyncio.create_task(lost())
    await asyncio.wait([task])
    del task
    gc.collect()
    thread = threading.Thread(target=lambda: int(f"no number: {secret}"), name="canary")
    thread.start()
    thread.join()
    Falls(secret)
    raise RuntimeError(f"the engine crashed with {secret!r} and {settings.mqtt.password_file}")

run_module.run_headless = crash
from v2g_console.cli import main
sys.exit(main())
"""


@pytest.mark.mosquitto
def test_a_crash_without_a_screen_tells_the_stack_but_no_secret(installation: Installation) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CRASHING, "run", "-c", str(installation.config), "--no-ui"],
        capture_output=True, stdin=subprocess.DEVNULL, env=installation.environment, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    told = {"output": done.stdout, "errors": done.stderr} | installation.left_behind()
    assert done.returncode == 1
    for words in (b"the engine crashed with", b"nobody waits for", b"no number: ", b"thrown away with", b"password=***"):
        assert words in done.stderr, words
    for line in done.stderr.splitlines():
        json.loads(line)
    assert leaks(told, PASSWORD, KEY_PASSWORD) == []


CRASHING_CONSOLE = """
import sys
from v2g_console.engine.watch import Watch
from v2g_console.runtime import run as run_module

def look(self, *_):
    raise RuntimeError(f"a tick failed with {self._core.settings.mqtt.password.get_secret_value()}")

def show(*arguments):
    from v2g_console.console.app import ConsoleApp
    kept = ConsoleApp.tick

    def tick(self):
        secret = open(sys.argv[-1].replace("config.yaml", "own/password"), encoding="utf-8").read().strip()
        if self.model.snapshot is not None:
            raise RuntimeError(f"the screen crashed with {secret}")
        kept(self)

    ConsoleApp.tick = tick
    return shown(*arguments)

shown, run_module.show = run_module.show, show
Watch.look = look
from v2g_console.cli import main
sys.exit(main())
"""


@pytest.mark.mosquitto
def test_a_crash_of_the_console_tells_no_secret_on_the_terminal_or_in_its_report(installation: Installation) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", CRASHING_CONSOLE, "run", "-c", str(installation.config)],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=installation.environment,
    )  # fmt: skip
    drawn = b""
    try:
        deadline = time.monotonic() + LIMIT_S
        while process.poll() is None:
            assert time.monotonic() < deadline, drawn[-2000:]
            if select.select([ours], [], [], 0.05)[0]:
                with suppress(OSError):
                    drawn += os.read(ours, 65_536)
        while select.select([ours], [], [], 0)[0]:
            drawn += os.read(ours, 65_536)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
    left = installation.left_behind()
    assert process.returncode == 1, drawn
    assert "v2g-console/console.log" in left, drawn
    log = left["v2g-console/console.log"]
    assert b"the console crashed" in drawn
    assert b"the screen crashed with" in log
    assert leaks({"terminal": drawn} | left, PASSWORD, KEY_PASSWORD) == []


SECRET = "canary-in-config-4"
BAD_FILES = {
    "user in the address": f"mqtt:\n  broker: ssl://ana:{SECRET}@broker:8883\n",
    "slash in the password": f"mqtt:\n  broker: ssl://ana:x/{SECRET}@broker:8883\n",
    "wrong scheme": f"mqtt:\n  broker: amqp://ana:{SECRET}@broker\n",
    "wrong port": f"mqtt:\n  broker: ssl://ana:{SECRET}@broker:port\n",
    "not an address": f"mqtt:\n  broker: ssl://[ana:{SECRET}@broker\n",
    "a list": f"mqtt:\n  password: [{SECRET}, x]\n",
    "a mapping": f"mqtt:\n  password:\n    value: {SECRET}\n",
    "a key of the same line": f"mqtt: {{password: {SECRET}, qos: 7}}\n",
    "misspelt": f"mqtt:\n  passwort: {SECRET}\n",
    "not closed": f'mqtt:\n  password: "{SECRET}\n  username: ana\n',
    "twice": f"mqtt:\n  password: {SECRET}\n  password: {SECRET}\n",
    "without its space": f"mqtt:\n  password:{SECRET}\n",
    "a tag": f"mqtt:\n  password: !secret {SECRET}\n",
    "with a control character": f'mqtt:\n  password: "{SECRET}\\e[2J"\n  auth_method: nonsense\n',
    "beside a file": f"mqtt:\n  password: {SECRET}\n  password_file: /nonexistent\n",
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_complaints_about_a_configuration_never_repeat_a_secret(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    file = tmp_path / "config.yaml"
    file.write_text(BAD_FILES[name], "utf-8")
    file.chmod(0o600)
    codes = {exit_code(["config", command, "-c", str(file)]) for command in ("check", "show")}
    codes.add(exit_code(["run", "--no-ui", "-c", str(file)]))
    told = "".join(capfd.readouterr())
    assert codes == {2}
    assert "config.yaml" in told
    assert SECRET not in told


@pytest.mark.parametrize(
    "variables",
    [
        {"V2G__MQTT__BROKER": f"ssl://ana:{SECRET}@broker"},
        {"V2G__MQTT__PASSWROD": SECRET},
        {"V2G__MQTT__PASSWORD": SECRET, "V2G__MQTT__PASSWORD_FILE": "/nonexistent"},
        {"V2G__MQTT__PASSWORD": SECRET, "V2G__MQTT__QOS": SECRET},
    ],
)
def test_complaints_about_the_environment_never_repeat_a_secret(
    variables: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "config.yaml"
    file.write_text("mqtt:\n  client_id: engine\n", "utf-8")
    assert exit_code(["config", "check", "-c", str(file)]) == 2
    told = "".join(capfd.readouterr())
    assert "V2G__MQTT" in told
    assert SECRET not in told


@pytest.mark.parametrize("url", [f"mqtt://ana:{SECRET}@127.0.0.1", f"amqp://ana:{SECRET}@x", f"ssl://ana:a/{SECRET}@x", f"ssl://[{SECRET}"])
@pytest.mark.parametrize("command", [["demo", "--no-ui"], ["simulate", "--vehicles", "1"]])
def test_complaints_about_arguments_never_repeat_a_secret(command: list[str], url: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert exit_code([*command, "--broker", url]) == 2
    assert SECRET not in "".join(capfd.readouterr())
