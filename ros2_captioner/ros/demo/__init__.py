"""The demo: the real node and a camera that plays photographs, then a figure of it all."""
