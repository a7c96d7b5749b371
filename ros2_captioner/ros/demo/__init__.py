"""The demo: the real node and a camera that plays photographs, then a figure of it all."""

from pathlib import Path

PHOTOGRAPHS = Path(__file__).parent / "photographs"  # their README.md has sources and licences
