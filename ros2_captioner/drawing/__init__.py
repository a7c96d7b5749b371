"""Captions and attention as images."""
