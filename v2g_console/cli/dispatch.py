"""`v2g-console dispatch`: send one flexibility signal."""

from pathlib import Path

import click

from v2g_console.cli.parameters import KILOWATTS, Duration, StartTime, config_option, examples, json_option, socket_option


@click.command(
    "dispatch",
    short_help="Send a flexibility signal through the running engine.",
    epilog=examples(
        "v2g-console dispatch --signal FCR --power-kw 300 --duration 5m --dry-run",
        "v2g-console dispatch --signal MA --power-kw -200 --duration 1h --wait",
        "v2g-console dispatch --signal NEBEF --power-kw 150 --duration 1h --start-at 18:30 --site lyon-2 --ref RTE-2026-117",
    ),
)
@click.option("--signal", required=True, metavar="NAME", help="FCR, aFRR_UP, aFRR_DOWN, MA, NEBEF or EcoWatt.")
@click.option("--power-kw", type=KILOWATTS, required=True, help="Regulation for all vehicles together; positive is up.")
@click.option("--duration", "duration_s", type=Duration(), required=True, help="How long: 90s, 5m, 1h30m.")
@click.option("--start-at", type=StartTime(), help="18:30 (the next one, local), 18:30Z (UTC) or 2026-11-23T18:30:00+01:00. Default: now.")
@click.option("--site", "sites", multiple=True, metavar="NAME", help="Only vehicles of this site; again for more sites.")
@click.option("--segment", "segments", multiple=True, metavar="NAME", help="Only vehicles of this segment; again for more.")
@click.option("--vehicle", "vehicles", multiple=True, metavar="ID", help="Only this vehicle; again for more.")
@click.option("--ref", "external_ref", default="", metavar="TEXT", help="The grid operator's reference, kept with it.")
@click.option("--test", is_flag=True, help="Mark it as TEST wherever it is shown. Vehicles are sent real setpoints.")
@click.option("--note", default="", metavar="TEXT", help="A word for the others, kept with it.")
@click.option(
    "--allocator", type=click.Choice(["equal", "smart", "merit", "lp", "segmented"]), help="Who gets how much. Default: as configured."
)
@click.option("--preempt", is_flag=True, help="What free vehicles can't give is taken from dispatches of lower rank.")
@click.option(
    "--accept-partial/--strict", default=None, help="Send a plan that can't meet the whole power, or refuse it. Default: as configured."
)
@click.option("--accept-cautions", is_flag=True, help="The CAUTION tags on its vehicles were read: send all the same.")
@click.option("--dry-run", is_flag=True, help="Show the plan, send nothing.")
@click.option("--wait", is_flag=True, help="Follow it to its end; the exit code tells the outcome.")
@click.option("--standalone", is_flag=True, help="Start an engine for this one job.")
@config_option
@socket_option
@json_option
def command(
    *,
    signal: str,
    power_kw: float,
    duration_s: float,
    start_at: str | None,
    sites: tuple[str, ...],
    segments: tuple[str, ...],
    vehicles: tuple[str, ...],
    external_ref: str,
    test: bool,
    note: str,
    allocator: str | None,
    preempt: bool,
    accept_partial: bool | None,
    accept_cautions: bool,
    dry_run: bool,
    wait: bool,
    standalone: bool,
    config_path: Path | None,
    socket_file: Path | None,
    as_json: bool,
) -> int:
    """Plan, arm and send one dispatch. Exit codes: 0 sent (with --wait: completed), 1 failed, 3 no engine, 4 too little acknowledged,
    5 refused."""
    if dry_run and wait:
        raise click.UsageError("--dry-run sends nothing, so there is nothing to --wait for")
    if standalone and socket_file is not None:
        raise click.UsageError("--standalone starts an engine of its own and uses no --socket")
    from v2g_console.contract.requests import Dispatch
    from v2g_console.domain.signal import parse_signal

    try:
        parse_signal(signal, power_kw)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    request = Dispatch(
        signal=signal,
        power_kw=power_kw,
        duration_s=duration_s,
        start_at=start_at,
        sites=sites,
        segments=segments,
        vehicles=vehicles,
        external_ref=external_ref,
        test=test,
        note=note,
        allocator=allocator,
        preempt=preempt,
        accept_partial=accept_partial,
        accept_cautions=accept_cautions,
        dry_run=dry_run,
    )
    if standalone:
        from v2g_console.config.load import load
        from v2g_console.runtime.run import run_standalone

        return run_standalone(load(config_path), request)
    from v2g_console.cli.dispatch_talk import send

    return send(config_path, socket_file, request, wait=wait, as_json=as_json)
