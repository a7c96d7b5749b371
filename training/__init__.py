"""Offline training, evaluation and export of the captioning model; never imported by the node."""
