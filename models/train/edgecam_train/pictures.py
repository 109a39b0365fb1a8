"""Picture files."""

import cv2
import numpy as np


def read_picture(file: str) -> np.ndarray:
    """RGB, [height, width, 3]."""
    read = cv2.imread(file)
    if read is None:
        raise SystemExit(f"{file} is no picture that can be read; mend or remove it, then run `prepare` again")
    return cv2.cvtColor(read, cv2.COLOR_BGR2RGB)


def resized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """At another size; what shrinks is averaged, as edgecam does it."""
    smaller = width < picture.shape[1] or height < picture.shape[0]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
