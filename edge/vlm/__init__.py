"""The model engine: Qwen3-VL in OpenVINO form answers questions about pictures.

Knows nothing of cameras, rules or MQTT. `engine.open_engine` is the door; the analyzer process and
`edge ask` go through it.
"""
