"""Baselines beside the shipped model; `make bench` runs them."""
