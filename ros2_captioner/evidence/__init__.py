"""What the model finds in an image before it writes, and how far its caption can be believed."""
