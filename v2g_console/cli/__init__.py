"""The command line: one module a command, thin; what a command needs is imported when it runs, so that `--help` is instant.

`main` is the entry point; exit codes are in `contract.exit_codes`.
"""

import gc
import os
import sys


def main() -> None:
    """The `v2g-console` command."""
    # Looking for pydantic's plugins, of which we use none, reads the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.disable()  # nothing is thrown away while modules load; those that stay enable it again
    from v2g_console.cli.entry import exit_code

    sys.exit(exit_code(sys.argv[1:]))
