"""``make gpu``: every runtime that loads on this machine's GPU, checked and timed."""
