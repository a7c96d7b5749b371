"""The version of the package, as package.xml and setup.py have it."""

VERSION = "0.1.0"
