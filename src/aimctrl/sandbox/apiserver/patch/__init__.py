"""The three kinds of patch that say what to change."""
