"""Messages with pictures through a real pipe."""

from __future__ import annotations

import multiprocessing
import threading
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.daemon.pipe import MessagePipe


@dataclass(frozen=True)
class Shown:
    """A message with pictures in it."""

    name: str
    pictures: tuple[NDArray[np.uint8], ...]


def pipe_ends() -> tuple[MessagePipe, MessagePipe]:
    ours, theirs = multiprocessing.Pipe()
    return MessagePipe(ours), MessagePipe(theirs)


def picture(seed: int, *shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def send_two(pipe: MessagePipe) -> None:
    """Process body: what comes in goes back, twice."""
    message = pipe.recv()
    pipe.send(message)
    pipe.send((message, message))


def test_through_a_new_process_and_back() -> None:
    ours, theirs = pipe_ends()
    process = multiprocessing.get_context("spawn").Process(target=send_two, args=(theirs,))
    process.start()
    theirs.close()
    turned = picture(2, 40, 30, 3).transpose(1, 0, 2)  # not as it lies in memory
    sent = Shown("porch", (picture(1, 1080, 1920, 3), turned, picture(3, 0, 5, 3)))
    ours.send(sent)
    once, (twice, same) = ours.recv(), ours.recv()
    with pytest.raises(EOFError):
        ours.recv()
    process.join()
    ours.close()
    assert same is twice
    for got in (once, twice):
        assert got.name == "porch"
        for a, b in zip(got.pictures, sent.pictures, strict=True):
            assert np.array_equal(a, b)
            a[:] = 0  # whoever receives them may write


def test_threads_do_not_mix_their_messages() -> None:
    ours, theirs = pipe_ends()

    def send(name: int) -> None:
        for _ in range(20):
            ours.send((name, np.full(50_000 + name, name, np.uint8), {"text": "x" * name}))

    threads = [threading.Thread(target=send, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(80):
        name, array, rest = theirs.recv()
        assert array.shape == (50_000 + name,)
        assert (array == name).all()
        assert rest == {"text": "x" * name}
    for thread in threads:
        thread.join()
    ours.close()
    theirs.close()


def test_a_picture_is_not_copied_to_be_sent() -> None:
    ours, theirs = pipe_ends()
    message = Shown("porch", (picture(1, 1080, 1920, 3),))
    reader = threading.Thread(target=theirs._connection.recv_bytes)
    reader.start()
    tracemalloc.start()
    sender = threading.Thread(target=ours.send, args=(message,), daemon=True)
    sender.start()  # waits for the picture to be read
    reader.join()
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    theirs._connection.recv_bytes()
    sender.join()
    ours.close()
    theirs.close()
    assert most_bytes < 1_000_000
