"""The console as lines of text, for screen readers, logs and pipes: the same actions and guards, no cursor movement, no colour.

For others: `run.run_plain`. Loads neither textual nor rich.
"""
