"""Pixels, tables and records on disk; arrays and plain values in, knows no plates and no pipelines."""
