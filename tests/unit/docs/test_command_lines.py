"""What the documentation tells people to type exists: commands, options, kinds of values, configuration, requests."""

import re
from pathlib import Path
from typing import Any

import click
import pytest

from tests.unit.docs.pages import Written, blocks, calls, command_lines
from v2g_console.cli.group import PROGRAM, root
from v2g_console.config.load import load
from v2g_console.config.problems import ConfigError
from v2g_console.headless.parsing import BadLine, parse_line
from v2g_console.headless.source import InputLine

FILES_OF_ELSEWHERE = {"mqtt.ca_bundle", "mqtt.client_cert", "mqtt.client_key"}
WIDE: dict[str, Any] = {"max_content_width": 200, "terminal_width": 200}
EXAMPLE = re.compile(rf"^ +.*{PROGRAM} .+$", re.MULTILINE)


def parsed(arguments: list[str], command: click.Command = root, name: str = PROGRAM, parent: click.Context | None = None) -> None:
    """Let click take the arguments apart, down to the last command, and run nothing."""
    try:
        context = command.make_context(name, list(arguments), parent=parent)
    except (click.exceptions.Exit, click.exceptions.NoArgsIsHelpError):
        return  # --help, --version, a group by its name
    with context:
        if isinstance(command, click.Group):
            below, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert below is not None and found is not None
            parsed(rest, found, below, context)


def all_commands(group: click.Group = root, path: str = PROGRAM) -> dict[str, click.Command]:
    """Every command by its whole name."""
    context = click.Context(group)
    found: dict[str, click.Command] = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found[f"{path} {name}"] = command
        if isinstance(command, click.Group):
            found |= all_commands(command, f"{path} {name}")
    return found


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that examples name."""
    monkeypatch.chdir(tmp_path)
    for name in ("requests.jsonl", "shift.rec", "mine.yaml", "signals.json"):
        (tmp_path / name).touch()


@pytest.mark.usefixtures("files")
def test_every_command_line_can_be_typed() -> None:
    seen = list(command_lines())
    assert len(seen) > 60
    for page, arguments in seen:
        if arguments[0] == "COMMAND":
            continue
        try:
            parsed(arguments)
        except click.MissingParameter as error:
            assert len(arguments) == 1, f"{page}: {arguments}: {error.format_message()}"  # alone it is a name in a sentence
        except click.ClickException as error:
            pytest.fail(f"{page}: {PROGRAM} {' '.join(arguments)}: {error.format_message()}")


@pytest.mark.usefixtures("files")
def test_every_command_shows_an_example_that_works() -> None:
    for path, command in all_commands().items():
        if isinstance(command, click.Group):
            continue
        # a command keeps the first help option that it made, so it is made with the names of the root
        help_text = command.get_help(click.Context(command, info_name=path, **{**root.context_settings, **WIDE}))
        examples = EXAMPLE.findall(help_text.partition("Example")[2])
        assert any(path in example for example in examples), f"{path} --help has no example"
        for _, arguments in (call for example in examples for call in calls(path, example)):
            parsed(arguments)


@pytest.mark.parametrize("block", blocks("yaml"), ids=lambda block: block.page)
def test_configuration_examples_are_right(block: Written, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(block.text, "utf-8")
    for name in re.findall(r"_file: (\S+)", block.text):
        (tmp_path / name).write_text("secret", "utf-8")
        (tmp_path / name).chmod(0o600)
    try:
        load(config, environ={})
    except ConfigError as error:
        assert all(problem.key in FILES_OF_ELSEWHERE for problem in error.problems), str(error)


@pytest.mark.parametrize("block", blocks("json"), ids=lambda block: block.page)
def test_request_examples_are_right(block: Written) -> None:
    for number, row in enumerate(block.text.splitlines(), 1):
        request = parse_line(InputLine(number, row.encode()))
        assert not isinstance(request, BadLine), request
