"""The Plate Manager: a Qt window over plates, which asks the server and shows what it says; it never executes."""
