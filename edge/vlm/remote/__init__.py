"""The model elsewhere: typed questions to any server that speaks OpenAI's protocol.

`edge.vlm.door` opens it. Nothing here imports OpenVINO, unless a model on this box is to
take over and has to.
"""
