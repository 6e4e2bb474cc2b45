"""`edge bench`: measures the engine on this machine, alone or beside another engine.

    cases.py    what is asked, about which pictures
    figures.py  what one run and a whole side report: samples, starts, memory
    engine.py   our engine as a side; genai.py: openvino-genai's VLMPipeline as a side
    child.py    a side in a process of its own
    rounds.py   the order of the runs
    machine.py  probes.py  limit.py   the machine, its rates, and the least time they allow
    report.py   tables.py  picture.py   what is shown

Called by the command only; nothing here runs on a box that watches cameras.
"""
