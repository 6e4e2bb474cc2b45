"""MessagePipe: whole messages between two processes, with their pictures beside them.

A keyframe holds two pictures of 6 MB. Pickled as usual each would be copied twice at either end,
and a camera's process is mostly pictures; here arrays go out as they lie in memory (PEP 574). Knows
no messages. Used by `child` and by the processes' bodies.
"""

from __future__ import annotations

import pickle
import struct
import threading
from multiprocessing.connection import Connection
from typing import Any

_NUMBER = struct.Struct("!I")
_SIZE = struct.Struct("!Q")


class MessagePipe:
    """One end of a pipe. Any thread may send; one may receive. Can be handed to a new process.

    `send`, `recv` and `close` raise what a Connection raises: OSError, EOFError.
    """

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection
        self._sending = threading.Lock()

    def __reduce__(self) -> tuple[type[MessagePipe], tuple[Connection[Any, Any]]]:
        return MessagePipe, (self._connection,)

    def send(self, message: object) -> None:
        """Blocks until the other end has taken it in, but for what the system's pipe holds."""
        arrays: list[pickle.PickleBuffer] = []
        body = pickle.dumps(message, protocol=5, buffer_callback=arrays.append)
        parts = [array.raw() for array in arrays]
        sizes = b"".join(_SIZE.pack(part.nbytes) for part in parts)
        with self._sending:
            self._connection.send_bytes(_NUMBER.pack(len(parts)) + sizes + body)
            for part in parts:
                self._connection.send_bytes(part)

    def recv(self) -> Any:
        """The next message; blocks until there is one. Whatever unpickling raises, as well."""
        head = memoryview(self._connection.recv_bytes())
        (num_parts,) = _NUMBER.unpack_from(head)
        body_at = _NUMBER.size + num_parts * _SIZE.size
        parts = []
        for (size,) in _SIZE.iter_unpack(head[_NUMBER.size : body_at]):
            part = bytearray(size)
            self._connection.recv_bytes_into(part)
            parts.append(part)
        return pickle.loads(head[body_at:], buffers=parts)  # noqa: S301 - from our own process

    def close(self) -> None:
        """The other end then sees the end of the pipe."""
        self._connection.close()
