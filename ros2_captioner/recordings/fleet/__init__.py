"""Recordings and pictures by the thousand: the captioner as a step of a Ray Data pipeline."""
