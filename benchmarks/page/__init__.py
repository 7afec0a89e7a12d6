"""RESULTS.md and its charts, written from the results."""
