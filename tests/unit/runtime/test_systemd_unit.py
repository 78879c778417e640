"""The unit that is shipped: systemd reads it, it exposes little, and its command line is ours."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from v2g_console.cli.group import root
from v2g_console.contract.exit_codes import ExitCode

UNIT = Path(__file__).parents[3] / "deploy" / "systemd" / "v2g-console.service"
MOST_EXPOSURE = 20
"""Tenths of systemd's own scale from 0 to 10."""

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def lines(key: str) -> list[str]:
    """All values of a key, in order."""
    return [value for name, _, value in (line.partition("=") for line in UNIT.read_text("utf-8").splitlines()) if name == key]


def test_its_command_is_one_that_the_program_knows() -> None:
    (command,) = lines("ExecStart")
    program, *arguments = shlex.split(command)
    assert Path(program).name == "v2g-console"
    # below its group, as when it runs: a command keeps the first help option that it made
    group = click.Context(root, **root.context_settings)
    run = root.get_command(group, arguments[0])
    assert run is not None
    given = run.make_context("run", arguments[1:], parent=group).params
    assert (given["no_ui"], given["config_path"]) == (True, Path("/etc/v2g-console/config.yaml"))


def test_wrong_settings_are_not_tried_again() -> None:
    assert lines("RestartPreventExitStatus") == [str(ExitCode.USAGE.value)]


def test_callers_keep_their_names() -> None:
    """In a user namespace of its own the engine would see everybody at its socket as nobody."""
    assert not lines("PrivateUsers") and not lines("DynamicUser")


@needs_systemd
def test_systemd_has_nothing_to_say_against_it(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text("utf-8").replace("/opt/v2g-console/bin/v2g-console", sys.executable), "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_it_exposes_little() -> None:
    command = ["systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={MOST_EXPOSURE}", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
