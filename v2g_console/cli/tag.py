"""`v2g-console tag`: INHIBIT and CAUTION tags on vehicles, sites and the fleet."""

from pathlib import Path

import click

from v2g_console.cli.parameters import engine_options, examples


@click.group("tag", short_help="Tags on vehicles, sites, the fleet: add, rm, ls.")
def command() -> None:
    """Tags: INHIBIT takes out of everything, CAUTION warns and asks. Release and STOP ignore both."""


@command.command(
    "add", short_help="Hang a tag up.", epilog=examples('v2g-console tag add INHIBIT --site lyon-2 --note "transformer is warm"')
)
@click.argument("kind", type=click.Choice(["INHIBIT", "CAUTION"], case_sensitive=False))
@click.option("--vehicle", metavar="ID", help="On this vehicle.")
@click.option("--site", metavar="NAME", help="On every vehicle of this site, also those that come later.")
@click.option("--fleet", is_flag=True, help="On the whole fleet.")
@click.option("--note", required=True, metavar="TEXT", help="Why: whoever meets the tag reads it.")
@engine_options
def add(
    *,
    kind: str,
    vehicle: str | None,
    site: str | None,
    fleet: bool,
    note: str,
    config_path: Path | None,
    socket_file: Path | None,
    as_json: bool,
) -> int:
    """Hang a tag on a vehicle, a site or the fleet. An INHIBIT on a vehicle in use releases it at once."""
    from v2g_console.cli.engine import ask
    from v2g_console.cli.tag_text import hung_lines
    from v2g_console.contract.requests import Tag
    from v2g_console.contract.tags import TagKind, TagScope

    targets = [(TagScope.VEHICLE, vehicle), (TagScope.SITE, site), (TagScope.FLEET, "" if fleet else None)]
    chosen = [(scope, name) for scope, name in targets if name is not None]
    if len(chosen) != 1:
        raise click.UsageError("expected one of --vehicle, --site and --fleet")
    scope, name = chosen[0]
    return ask(config_path, socket_file, Tag(kind=TagKind(kind.upper()), scope=scope, name=name, note=note), as_json, hung_lines)


@command.command("rm", short_help="Take a tag down.", epilog=examples('v2g-console tag rm t6385 --note "cooled down"'))
@click.argument("tag_id")
@click.option("--note", required=True, metavar="TEXT", help="Why it may go; kept in the record.")
@engine_options
def remove(tag_id: str, note: str, config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """Take the tag TAG_ID down (see `tag ls`). An INHIBIT of somebody else needs a supervisor."""
    from v2g_console.cli.engine import ask
    from v2g_console.cli.tag_text import removed_lines
    from v2g_console.contract.requests import Untag

    return ask(config_path, socket_file, Untag(tag_id=tag_id, note=note), as_json, removed_lines)


@command.command("ls", short_help="List the tags.", epilog=examples("v2g-console tag ls"))
@engine_options
def list_tags(config_path: Path | None, socket_file: Path | None, as_json: bool) -> int:
    """List all tags, oldest first."""
    from v2g_console.cli.engine import ask
    from v2g_console.cli.tag_text import tag_table
    from v2g_console.contract.requests import Tags

    return ask(config_path, socket_file, Tags(), as_json, tag_table)
