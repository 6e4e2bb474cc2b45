"""The libraries that compare pictures."""

from __future__ import annotations

import cv2
import numpy as np


def describe() -> str:
    """OpenCV's version and NumPy's. Raises ImportError where they do not load."""
    return f"OpenCV {cv2.__version__}, NumPy {np.__version__}"
