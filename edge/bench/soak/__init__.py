"""The soak: the whole box under trouble for minutes, and whether it lost anything by it.

The clock is not stepped: libfaketime cannot step the wall clock and leave the monotonic one alone
without breaking Python's sleep (0.9.10). Tests of the parts that look at the clock do that.
"""
