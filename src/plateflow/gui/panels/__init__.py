"""The panels below and beside the plate map: what failed, what happens, who works, what was, what came out."""
