"""One file a screen; `base` says what they have in common."""
