"""The model engine answers questions about pictures: Qwen3-VL in OpenVINO form, or a server.

Knows nothing of cameras, rules or MQTT. `engine.open_engine` is the door to a model on this box;
`door.open_answering` also leads to one on a server.
"""
