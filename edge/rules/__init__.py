"""From answers to states: which rules are asked about a keyframe, and what their answers change.

Pure: no clock, no I/O, time comes in as arguments. Read `rule.py` (what a rule is), `asking.py`
(which rules apply to a keyframe), `verdict.py` (what one answer says), `state.py` (how verdicts
move a rule's state) and `book.py` (all rules of all cameras together), in this order.
"""
