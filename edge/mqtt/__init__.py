"""Delivery: the outbox's rows, retained states and commands, over one MQTT connection.

`topics`, `commands`, `discovery`, `states` and `rows` decide and touch no network; `link` owns the
paho client and its thread; `publisher` joins them and is what the daemon uses. Knows no finding:
payloads are bytes that the caller made.
"""
