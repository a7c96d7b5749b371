"""The network, and the cached maps of its untrained part."""
