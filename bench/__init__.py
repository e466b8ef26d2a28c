"""Benchmarks: plateflow beside its floors and peers, in interleaved rounds of one run. ``python -m bench``."""
