"""Recordings to text: bags and videos, captioned offline, and found again by words."""
