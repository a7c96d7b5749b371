"""Losses, updates, stages, and what a run leaves on disk."""
