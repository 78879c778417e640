"""JSON Lines in and out, for machines.

For others: `run.run_headless`, `source.CommandSource`, `writer.LineWriter`, `logs.json_log_handler`.
"""
