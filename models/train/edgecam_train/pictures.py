"""Picture files."""

import cv2
import numpy as np


def read_picture(file: str) -> np.ndarray:
    """RGB, [height, width, 3]."""
    read = cv2.imread(file)
    if read is None:
        raise SystemExit(f"{file} is no picture that can be read; mend or remove it, then run `prepare` again")
    return cv2.cvtColor(read, cv2.COLOR_BGR2RGB)
