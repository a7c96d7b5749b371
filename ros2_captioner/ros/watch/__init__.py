"""The terminal view of all captioners and their cameras."""
