"""Yardsticks beside the shipped model; `make bench` runs them."""
