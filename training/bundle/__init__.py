"""From a trained model to the directory that the run time reads."""
