"""What the program needs to show itself without a camera, a broker or a download.

A small bundled model, a synthetic camera and a local broker. Wired in by the commands and by a
camera's process; no stage knows about it.
"""
