"""A run's settings and the reading of them; the lowest room."""
