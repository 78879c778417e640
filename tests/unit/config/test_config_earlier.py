"""The section `logging` of earlier configurations."""

from pathlib import Path

import pytest

from v2g_console.config.load import load
from v2g_console.config.problems import ConfigError


def written(folder: Path, text: str) -> Path:
    """A configuration file."""
    file = folder / "config.yaml"
    file.write_text(text, "utf-8")
    return file


def test_jsonl_is_the_export_stream_and_a_warning_names_todays_keys(tmp_path: Path) -> None:
    file = written(tmp_path, "logging:\n  backend: jsonl\n  path: dispatch.log\n  max_size_mb: 10\n  max_backups: 5\n  max_age_days: 7\n")
    loaded = load(file, {})
    export = loaded.settings.journal.export
    assert (export.path, export.max_size_mib, export.max_backups, export.max_age_days) == (tmp_path / "dispatch.log", 10.0, 5, 7.0)
    assert loaded.settings.journal.backend == "sqlite"
    (warning,) = loaded.warnings
    assert "journal.export.path" in str(warning)
    assert str(warning).startswith(f"{file}:1 logging")


def test_sqlite_is_the_journal(tmp_path: Path) -> None:
    loaded = load(written(tmp_path, "logging: {backend: sqlite, path: dispatch.db}\n"), {})
    assert loaded.settings.journal.path == tmp_path / "dispatch.db"
    assert loaded.settings.journal.export.path is None


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("logging: {backend: csv}\n", 1, "expected jsonl or sqlite, got 'csv'"),
        ("logging:\n  level: debug\n", 2, "unknown key; logging takes backend, max_age_days"),
        ("logging:\n  max_backups: many\n", 2, "a whole number"),
        ("logging: yes\n", 1, "expected a section"),
        ("logging:\n  path: [a, b]\n", 2, "one value a line"),
        ("logging:\n  path: a.log\njournal:\n  export:\n    path: b.log\n", 2, "given twice: also as journal.export.path"),
    ],
)
def test_what_is_wrong_in_it_is_said_with_its_line(text: str, line: int, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text), {})
    (problem,) = caught.value.problems
    assert problem.origin.line == line
    assert said in str(problem)
