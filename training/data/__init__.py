"""Images and captions, from files to batches."""
