"""Replay: what the daemon would have made of a clip, why, at what cost, and what would suit better.

Runs the daemon's own sampler, and its rules if there is a model, over files. Called by `edge
replay`, `edge tune` and the daemon's process behind the page's "Tune". Publishes nothing and stores
nothing.
"""
