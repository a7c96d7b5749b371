"""The lifecycle node ``captioner`` and its parts."""
