"""Quality measures fitted on labelled codes."""
