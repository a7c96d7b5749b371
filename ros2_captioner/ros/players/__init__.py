"""Nodes that publish images as a camera does."""
