"""`v2g-console config`: check, show, schema, init."""

from pathlib import Path

import click

from v2g_console.cli.parameters import OWN_PATH, config_option, examples
from v2g_console.contract.exit_codes import ExitCode


@click.group("config", short_help="The configuration: check, show, schema, init.")
def command() -> None:
    """Look at the configuration without running anything."""


@command.command(
    "check",
    short_help="Say everything that is wrong with it, with file and line.",
    epilog=examples("v2g-console config check -c /etc/v2g-console/config.yaml"),
)
@config_option
def check(config_path: Path | None) -> int:
    """Say everything that is wrong with the configuration, with file and line."""
    from v2g_console.config.load import load
    from v2g_console.console.keys_checks import check_keys
    from v2g_console.transport.connect_options import TransportConfigError
    from v2g_console.transport.credentials import credential_warnings

    loaded = load(config_path)
    check_keys(loaded)
    for warning in loaded.warnings:
        click.echo(f"{warning} (warning)", err=True)
    try:
        for text in credential_warnings(loaded.settings.mqtt):
            click.echo(f"{text} (warning)", err=True)
    except TransportConfigError as error:
        click.echo(str(error), err=True)
        return ExitCode.USAGE
    click.echo(f"{loaded.files[0]}: ok")
    return ExitCode.DONE


@command.command("show", short_help="Every value, and where it comes from.", epilog=examples("v2g-console config show"))
@config_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show(config_path: Path | None, as_json: bool) -> int:
    """Show every value, secrets redacted, and where it comes from."""
    import msgspec

    from v2g_console.cli.plain_text import columns
    from v2g_console.cli.role_text import role_line
    from v2g_console.config.explain import shown_values
    from v2g_console.config.load import load

    loaded = load(config_path)
    values = shown_values(loaded)
    if as_json:
        click.echo(msgspec.json.encode(values).decode())
    else:
        click.echo("\n".join(columns([("KEY", "VALUE", "FROM"), *((item.key, item.value, item.origin) for item in values)])))
        click.echo(role_line(loaded.settings.access), err=True)
    return ExitCode.DONE


@command.command("schema", short_help="JSON Schema, of the events too.", epilog=examples("v2g-console config schema > config.schema.json"))
@click.option("--events", is_flag=True, help="Of the JSON Lines events instead.")
def schema(events: bool) -> int:
    """Print the JSON Schema of the configuration file, or of the events that headless mode prints."""
    import json

    click.echo(json.dumps(_event_schema() if events else _config_schema(), indent=2, ensure_ascii=False))
    return ExitCode.DONE


@command.command("init", short_help="Write a commented file to start from.", epilog=examples("v2g-console config init"))
@click.argument("path", type=OWN_PATH, default="config.yaml")
def init(path: Path) -> int:
    """Write a commented configuration to start from to PATH (./config.yaml). Overwrites nothing."""
    from v2g_console.config.explain import write_start

    try:
        write_start(path)
    except FileExistsError:
        click.echo(f"{path} exists already and is left as it is", err=True)
        return ExitCode.USAGE
    except OSError as error:
        click.echo(f"can't write {path}: {error.strerror or error}", err=True)
        return ExitCode.USAGE
    click.echo(f"{path} written: set mqtt.broker in it, then `v2g-console config check -c {path}`")
    return ExitCode.DONE


def _config_schema() -> dict[str, object]:
    from v2g_console.config.explain import json_schema

    return json_schema()


def _event_schema() -> dict[str, object]:
    import msgspec

    from v2g_console.contract.events import Event

    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Event)}
