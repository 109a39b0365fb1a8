"""Makes edgecam's own models: from photographs and partial boxes to a small int8 detector."""

import cv2

# Threads of OpenCV's own don't survive the forks that load pictures, which then wait for ever.
cv2.setNumThreads(1)
