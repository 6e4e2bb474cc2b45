"""The configuration: YAML text to checked, frozen values, and every fault explained.

Start at `load.py`. The models in `models.py` are what the rest of the program reads.
"""
