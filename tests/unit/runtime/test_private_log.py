"""The console's log file on a disk that takes nothing for a while. A process of its own: its limit on file sizes holds for all of it."""

import logging
import stat
import subprocess
import sys
from pathlib import Path

from v2g_console.runtime.private_log import PrivateFileHandler

_SCENE = """
import logging, resource, sys
from pathlib import Path
from v2g_console.runtime.private_log import PrivateFileHandler

def say(text, created):
    handler.handle(logging.makeLogRecord({"name": "v2g_console", "levelname": "INFO", "msg": text, "created": created}))

_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
handler = PrivateFileHandler(Path(sys.argv[1]), most_bytes=int(sys.argv[2]), files=2)
say("before", 100.0)
resource.setrlimit(resource.RLIMIT_FSIZE, (Path(sys.argv[1]).stat().st_size + 5, hard))
for number in range(20):
    say(f"lost {number}", 101.0 + number / 2)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
for number in range(3):
    say(f"after {number}", 120.0 + 2 * number)
handler.close()
"""


def play(path: Path, most_bytes: int) -> list[str]:
    """The lines of the log after the scene; nothing is said anywhere else."""
    done = subprocess.run(
        [sys.executable, "-c", _SCENE, str(path), str(most_bytes)], capture_output=True, text=True, timeout=30, check=True
    )
    assert (done.stdout, done.stderr) == ("", ""), "an error of the log must not draw over the screen"
    return path.read_text("utf-8").splitlines()


def test_what_a_full_disk_did_not_take_is_counted_and_the_log_goes_on(tmp_path: Path) -> None:
    lines = play(tmp_path / "console.log", 1_000_000)
    assert lines[0] == "before"
    assert lines[-4:] == ["20 log lines are missing: the disk did not take them", "after 0", "after 1", "after 2"]
    assert len(lines) <= 6, "half a line is one line"


def test_a_disk_that_fails_at_the_rotation_does_not_end_the_log(tmp_path: Path) -> None:
    assert play(tmp_path / "console.log", 60)[-1] == "after 2"


def test_it_is_rotated_and_private(tmp_path: Path) -> None:
    handler = PrivateFileHandler(tmp_path / "console.log", most_bytes=500, files=2)
    for number in range(300):
        handler.handle(logging.makeLogRecord({"name": "v2g_console", "levelname": "INFO", "msg": f"line {number}"}))
    handler.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["console.log", "console.log.1", "console.log.2"]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 and file.stat().st_size <= 500 for file in files)
