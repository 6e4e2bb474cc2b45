"""`edge model convert`: a Qwen3-VL checkpoint of transformers becomes a model folder of ours.

    source.py     the checkpoint: is it one, how large, which recipe fits it
    needs.py      what converting takes: packages, memory, disk
    journal.py    the work folder: which steps are done, so that an interrupted run goes on
    steps.py      the steps, in order
    workshop.py   what a step's own process does; the only file that imports torch
    convert.py    runs the steps and puts the finished folder into its place

Called by the command only. torch, optimum-intel and nncf stay in the processes of the steps.
"""
