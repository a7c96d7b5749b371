"""How long a caption takes, by the model alone and through the whole node."""
