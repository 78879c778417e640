"""v2g_console: a terminal operator console for vehicle-to-grid dispatch. See README.md; each package says what it is for."""
