"""What travels: the progress schema, its messages and the one fold over them. Pure: no I/O."""
