"""The record of every request, decision, command, acknowledgement and outcome: the interface (`port`), in memory (`memory`)."""
