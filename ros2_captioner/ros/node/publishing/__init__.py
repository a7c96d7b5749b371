"""Captions and overlays on their topics, drawn and sent for those who listen."""
