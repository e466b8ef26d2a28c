"""What is on disk: the plate, its wells, and the readers of the ways in which it may be laid out."""
