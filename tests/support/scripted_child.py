"""A child process that does nothing: what it was told is kept, its death is ours to declare."""

from __future__ import annotations


class ScriptedChild:
    """Stands where `edge.daemon.child.Child` stands, without a process."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.pid = 1000 + generation
        self.sent: list[object] = []
        self.killed = False

    def send(self, message: object) -> None:
        self.sent.append(message)

    def kill(self) -> None:
        self.killed = True


class Nursery:
    """Makes scripted children and remembers them; `spawn` fits CameraHost and AnalyzerHost."""

    def __init__(self) -> None:
        self.children: list[ScriptedChild] = []

    def spawn(self, _plan: object, generation: int) -> ScriptedChild:
        self.children.append(ScriptedChild(generation))
        return self.children[-1]

    @property
    def newest(self) -> ScriptedChild:
        return self.children[-1]
