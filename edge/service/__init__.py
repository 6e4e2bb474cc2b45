"""The systemd service on this machine, or in the tree of an image: its unit, user and folders.

Installs, removes and tells the state; knows nothing of cameras or models, and needs nothing but
Python's own library, so that a package's scripts can call it. Called by `edge service`; the doctor
asks for the state.
"""
