"""The composition root: builds engine, console, headless and demo; owns threads, locks and signals of the operating system."""
