"""Doing it: the work of one well, threads or crash-safe processes to do it in, and the orchestrator over them."""
