"""One module per way in which microscopes lay a plate out on disk, and what they share."""
