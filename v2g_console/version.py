"""The version of the program, which lives in `pyproject.toml` alone."""

from importlib.metadata import version


def program_version() -> str:
    """The installed version, as in `pyproject.toml`."""
    return version("v2g-console")
