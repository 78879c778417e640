"""`v2g-console simulate`: vehicles only, on any broker."""

from pathlib import Path
from typing import Any

import click

from v2g_console.cli.parameters import COUNT, MILLISECONDS, READABLE_FILE, SHARE, Number, examples


@click.command(
    "simulate",
    short_help="Vehicles only, on any broker.",
    epilog=examples("v2g-console simulate --broker tcp://127.0.0.1:1883 --vehicles 200"),
)
@click.option("--broker", metavar="URL", required=True, help="tcp://, mqtt://, ssl:// or mqtts://host:port.")
@click.option("--vehicles", type=COUNT, required=True, help="How many.")
@click.option("--sites", type=COUNT, default=4, show_default=True, help="Sites they are spread over.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same fleet.")
@click.option("--protocol", type=click.Choice(["1", "2", "mixed"]), default="2", show_default=True, help="Wire protocol.")
@click.option("--drop-rate", type=SHARE, default=0.0, help="Share of commands that get lost.")
@click.option("--silent-rate", type=SHARE, default=0.0, help="Share of vehicles that never acknowledge.")
@click.option("--reject-rate", type=SHARE, default=0.0, help="Share of vehicles that refuse.")
@click.option("--limit-rate", type=SHARE, default=0.0, help="Share of vehicles that do less than asked.")
@click.option("--disconnect-rate", type=SHARE, default=0.0, help="Share of vehicles that lose their connection now and then.")
@click.option("--latency", "latency_ms", type=MILLISECONDS, default=80.0, show_default=True, help="Mean time to an acknowledgement.")
@click.option(
    "--telemetry-interval",
    "telemetry_interval_s",
    type=Number("seconds", 0.1, 86_400.0),
    default=10.0,
    show_default=True,
    help="Between reports.",
)
@click.option(
    "--availability-profile", type=click.Choice(["commuter", "always"]), default="commuter", show_default=True, help="When they are there."
)
@click.option("--connections", type=COUNT, default=4, show_default=True, help="MQTT connections the vehicles share.")
@click.option("--one-connection-each", is_flag=True, help="A connection for each vehicle, with a last will of its own.")
@click.option("--username", default="", help="MQTT user name.")
@click.option("--password-file", type=READABLE_FILE, help="File with the MQTT password.")
@click.option("--ca-bundle", type=READABLE_FILE, help="Certificate authorities. Default: the system's.")
@click.option("--client-cert", type=READABLE_FILE, help="Client certificate.")
@click.option("--client-key", type=READABLE_FILE, help="Its private key.")
@click.option("--log", type=click.Path(dir_okay=False, path_type=Path), help="File to append all that happens to the vehicles to.")
@click.option("--prefix", default="veh", show_default=True, help="Vehicle ids are PREFIX000001 and so on.")
@click.option("--ready-fd", type=int, hidden=True)
@click.option("--stop-with-stdin", is_flag=True, hidden=True)
def command(protocol: str, availability_profile: str, **fields: Any) -> int:
    """Simulate vehicles that speak the wire protocol, on any broker, until interrupted."""
    from v2g_console.cli.demo import check_broker
    from v2g_console.simulator.options import AvailabilityProfile, ProtocolMix, SimulateOptions
    from v2g_console.simulator.run import run_simulator

    check_broker(fields["broker"])
    try:
        options = SimulateOptions(protocol=ProtocolMix(protocol), availability_profile=AvailabilityProfile(availability_profile), **fields)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if options.log is not None:
        try:
            options.log.open("ab").close()
        except OSError as error:
            raise click.UsageError(f"--log {options.log}: {error.strerror}") from None
    return run_simulator(options)
