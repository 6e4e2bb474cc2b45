"""The store: findings, the outbox, rule states and snapshots on disk.

`database.open_store` opens it, `settings` says where and how much. The store does not know the
broker, the model or the rules; the daemon writes to it and hands it to those who read.
"""
