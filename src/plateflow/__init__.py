"""plateflow: image-analysis pipelines over high-content-screening plates, with exact live progress."""
