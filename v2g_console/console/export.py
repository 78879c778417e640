"""Writing what a screen shows to a file: CSV for spreadsheets, JSON for programs. Private to the user, never over an existing file."""

import csv
import io
import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import platformdirs

from v2g_console.domain.text import no_formula

Form = Literal["csv", "json"]


def export_folder() -> Path:
    """Where exports go: `exports` in the user's state folder."""
    return Path(platformdirs.user_state_dir("v2g-console")) / "exports"


def write_export(folder: Path, name: str, header: Sequence[str], rows: Sequence[Sequence[object]], form: Form, at: datetime) -> Path:
    """The rows as a file; see `write_text`."""
    return write_text(folder, name, _csv(header, rows) if form == "csv" else _json(header, rows), form, at)


def write_text(folder: Path, name: str, text: str, ending: str, at: datetime) -> Path:
    """The file written, `NAME-20261123T140207Z.csv`; a number is added where that exists. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stem = f"{name}-{at:%Y%m%dT%H%M%SZ}"
    for attempt in range(100):
        path = folder / f"{stem}{f'-{attempt}' if attempt else ''}.{ending}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        return path
    raise FileExistsError(f"{folder} has a hundred files named {stem}")


def _csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([no_formula(value) if isinstance(value, str) else value for value in row] for row in rows)
    return target.getvalue()


def _json(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    records = [dict(zip(header, row, strict=True)) for row in rows]
    return json.dumps(records, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
