"""The terminal's view of one execution: drawn in place on a terminal, as plain lines elsewhere; on stderr, pure."""
