"""Frame to Keyframe: which moments of a camera's picture are worth reading.

`edge.sampler.sampler.Sampler` is the whole of it for its callers, `edge.sampler.settings` what they
may set. Pure: no clock, no files, no logging; time is the frame's own.
"""
