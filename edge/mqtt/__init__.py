"""Delivery: the outbox's rows, retained states and commands, over one MQTT connection.

`topics`, `commands`, `discovery`, `states` and `rows` decide and touch no network; `link` owns the
paho client and its thread, `pump` what is in flight; `publisher` joins them and is what the daemon
uses. Payloads are bytes that the caller made.
"""
