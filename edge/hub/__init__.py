"""Where models live on this machine, and how they are fetched from a model hub.

Speaks the Hugging Face protocol and checks every byte it receives. Knows which files a model
folder holds, not what they mean to the engine. Called by the commands; `places` also by whoever
must find a model.
"""
