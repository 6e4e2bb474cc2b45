"""What keyframe sampling saves, in watts: one clip looked at in four ways.

power.py      the kernel's energy counters, or a model of watts per busy core
ways.py       always, a timer, a naive gate, the product's sampler: when each calls the model
account.py    from measured parts to watts, and joules for each answer and event
report.py     tables, JSON, a plot
run.py        all of it in order; called by `edge energy`
"""
