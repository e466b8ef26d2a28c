"""Functions that do harm; importable by worker processes."""

import os
import signal

from plateflow.functions.kinds import Image


def kill_at(image: Image, grey: int) -> Image:
    """Kill this process at once, where the image is of that grey."""
    if image[0, 0] == grey:
        os.kill(os.getpid(), signal.SIGKILL)
    return image
