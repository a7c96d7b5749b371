"""What the command lines of this package share: help, progress, how they end."""
