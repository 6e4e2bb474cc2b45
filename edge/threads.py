"""How many threads libraries may take: one, in processes that many others run beside.

Called before numpy and OpenCV are imported, which read this once; child processes inherit it.
"""

from __future__ import annotations

import os


def take_one_thread() -> None:
    """Have OpenCV, and OpenBLAS within numpy, compute in the thread that calls them.

    Their pools cost each process 50 ms of start and some memory, and compete with the model's
    threads for work of a millisecond. Whoever has set these variables is heeded.
    """
    for variable in ("OPENCV_FOR_THREADS_NUM", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
