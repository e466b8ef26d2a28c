"""Line framing: the writer with its backpressure, and the reader that never blocks."""
