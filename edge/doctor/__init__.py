"""The doctor: looks at everything a person gets wrong with a box, and says what to do about it.

One file a subject; each gives checks, which give Diagnoses. `examine` runs them side by side, each
within its time. The checks use what the daemon uses (capture's sources, the broker's link, the
store, the model's layout), so that what they find is what the daemon would meet. Nothing is changed
on the box; called by `edge doctor`.
"""
