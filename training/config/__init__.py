"""A run's settings and the reading of them; imports nothing else of training."""
