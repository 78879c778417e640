"""`demo`: an embedded broker, simulated vehicles in a process of their own, engine and console, with nothing to configure."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from v2g_console.attach.paths import socket_path
from v2g_console.config.settings import (
    ConsoleSettings,
    DispatchSettings,
    JournalSettings,
    MetricsSettings,
    MqttSettings,
    Settings,
    SocketSettings,
    TelemetrySettings,
)
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.options import DemoOptions
from v2g_console.runtime.embedded_broker import EmbeddedBroker, EmbeddedBrokerError
from v2g_console.runtime.run import guarded, with_options
from v2g_console.runtime.screen import refuses_to_draw, say

_STOP_S = 5.0
_MESSAGES_PER_S = 500.0
_FASTEST_INTERVAL_S = 2.0


class VehiclesError(RuntimeError):
    """The simulated vehicles did not come up."""


def demo(options: DemoOptions) -> int:
    """Run the demo; returns the exit code."""
    if not without_screen(options) and (refused := refuses_to_draw(options)):
        say(f"{refused}: add --plain for lines instead of a screen, or --no-ui to run without one")
        return ExitCode.USAGE
    with ExitStack() as stack:
        try:
            broker = options.broker if options.broker is not None else stack.enter_context(EmbeddedBroker()).url
            interval_s = max(_FASTEST_INTERVAL_S, options.vehicles / _MESSAGES_PER_S)
            stack.enter_context(vehicles(options, broker, interval_s))
        except (EmbeddedBrokerError, VehiclesError) as error:
            say(str(error))
            return ExitCode.FAILED
        settings = with_options(demo_settings(options, broker, interval_s), options)
        return guarded(settings, options, demo=True, leave_message=f"Broker was {broker}; the vehicles were simulated.")


def without_screen(options: DemoOptions) -> bool:
    """True if nothing is drawn."""
    return options.no_ui or options.commands is not None


def demo_settings(options: DemoOptions, broker: str, interval_s: float) -> Settings:
    """What a configuration file would say."""
    return Settings(
        mqtt=MqttSettings(
            broker=broker, client_id=f"v2g-console-demo-{secrets.token_hex(4)}", use_tls=broker.startswith(("ssl:", "mqtts:"))
        ),
        telemetry=TelemetrySettings(interval_s=interval_s),
        dispatch=DispatchSettings(reallocation=options.reallocation),
        metrics=MetricsSettings(),
        journal=JournalSettings(backend="memory"),
        console=ConsoleSettings(name="demo"),
        socket=SocketSettings(path=socket_path(SocketSettings()).parent / f"demo-{os.getpid()}.sock"),
    )


@contextmanager
def vehicles(options: DemoOptions, broker: str, interval_s: float) -> Iterator[None]:
    """Simulated vehicles in a process of their own while the context lasts; it ends with us, however we end."""
    reading, writing = os.pipe()
    process = subprocess.Popen(  # noqa: S603  (our own command)
        _command(options, broker, interval_s, writing),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        # The console draws on standard error: a line of theirs would land in the middle of the picture.
        stderr=None if without_screen(options) else subprocess.DEVNULL,
        pass_fds=(writing,),
        start_new_session=True,
    )
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as ready:
            if not ready.readline():
                raise VehiclesError(f"the simulated vehicles did not come up on {broker}: is it a broker that this machine can reach?")
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _command(options: DemoOptions, broker: str, interval_s: float, ready_fd: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "v2g_console",
        "simulate",
        f"--broker={broker}",
        f"--vehicles={options.vehicles}",
        f"--sites={options.sites}",
        f"--seed={options.seed}",
        f"--protocol={options.protocol}",
        f"--drop-rate={options.drop_rate}",
        f"--silent-rate={options.silent_rate}",
        f"--reject-rate={options.reject_rate}",
        f"--limit-rate={options.limit_rate}",
        f"--latency={options.latency_ms}",
        f"--telemetry-interval={interval_s}",
        f"--ready-fd={ready_fd}",
        "--stop-with-stdin",
    ]
