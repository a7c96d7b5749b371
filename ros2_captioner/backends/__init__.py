"""Runtimes that can execute a bundle's graphs, one file each, and the choice between them."""
