"""The running service: processes, scheduling, supervision, reload. Wires the stages together."""
