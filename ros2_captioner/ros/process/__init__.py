"""What every node of this package starts and ends with."""
