"""The command line: each command parses, calls one function of the service or the runtime, and prints."""
