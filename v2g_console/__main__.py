"""`python -m v2g_console` is the same as the `v2g-console` command."""

from v2g_console.cli import main

if __name__ == "__main__":
    main()
