"""The pipeline editor: a pipeline as a list of steps with forms, and as the Python text that they are written to."""
