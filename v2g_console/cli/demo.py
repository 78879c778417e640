"""`v2g-console demo`: broker, vehicles, engine and console on this machine."""

from typing import Any

import click

from v2g_console.cli.parameters import COUNT, MILLISECONDS, SHARE, examples, screen_options


@click.command(
    "demo",
    short_help="Everything on this machine: broker, simulated vehicles, engine and console.",
    epilog=examples(
        "v2g-console demo",
        "v2g-console demo --vehicles 1000 --silent-rate 0.1 --reallocation balanced",
        'echo \'{"request":"status"}\' | v2g-console demo --no-ui --commands -',
    ),
)
@click.option("--vehicles", type=COUNT, default=200, show_default=True, help="Simulated vehicles.")
@click.option("--sites", type=COUNT, default=4, show_default=True, help="Sites they are spread over.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same fleet.")
@click.option(
    "--protocol", type=click.Choice(["1", "2", "mixed"]), default="mixed", show_default=True, help="Wire protocol of the vehicles."
)
@click.option("--drop-rate", type=SHARE, default=0.0, help="Share of commands that get lost.")
@click.option("--silent-rate", type=SHARE, default=0.0, help="Share of vehicles that never acknowledge.")
@click.option("--reject-rate", type=SHARE, default=0.0, help="Share of vehicles that refuse.")
@click.option("--limit-rate", type=SHARE, default=0.0, help="Share of vehicles that do less than asked.")
@click.option("--latency", "latency_ms", type=MILLISECONDS, default=80.0, show_default=True, help="Mean time to an acknowledgement.")
@click.option(
    "--reallocation",
    type=click.Choice(["none", "balanced", "probabilistic"]),
    default="none",
    show_default=True,
    help="Who takes over what refusing and silent vehicles leave; none keeps their counts as they are. Outside the demo: balanced.",
)
@click.option("--broker", metavar="URL", help="Use this broker instead of an embedded one.")
@screen_options
def command(**fields: Any) -> int:
    """Show the whole thing on this machine: an embedded broker, simulated vehicles, engine and console. Needs no configuration."""
    check_broker(fields["broker"])
    if fields["silent_rate"] + fields["reject_rate"] + fields["limit_rate"] > 1.0:
        raise click.UsageError("--silent-rate, --reject-rate and --limit-rate: a vehicle has one of these faults, so together at most 1")
    from v2g_console.contract.options import DemoOptions
    from v2g_console.runtime.demo import demo

    return demo(DemoOptions(**fields))


def check_broker(url: str | None) -> None:
    """A usage error for an address that is given and can't be a broker's."""
    if url is None:
        return
    from v2g_console.config.broker_url import parse_broker_url

    try:
        parse_broker_url(url)
    except ValueError as error:
        raise click.UsageError(f"--broker: {error}") from None
