"""Every error this program raises on purpose.

    EdgeError
    ├── ConfigError           the configuration cannot be used; `problems` lists every fault
    ├── CaptureError          a camera's source
    │   ├── SourceUnreachable     cannot be opened now (network, device, file); worth retrying
    │   ├── SourceBroken          was open and failed (read error, time-out); worth retrying
    │   ├── SourceUnsupported     can never work as configured (codec, no video stream, absurd size)
    │   │   └── SourceRefused         the camera does not accept the account
    │   └── SourceEnded           a file that is not looped came to its end
    ├── PictureError          a picture that cannot be read, written or has impossible dimensions
    ├── QuestionError         a question that cannot be asked (empty, too long, bad options)
    │   └── SessionGone           a follow-up to a conversation that is not open any more
    ├── TooBusy               a person's question was not taken: too many wait, or for too long
    ├── Withdrawn             a question was taken back before its answer began
    ├── LabelError            labelled pictures or clips that cannot be used; lists every fault
    ├── ReportError           a report that cannot be written
    ├── ModelError            the vision-language model
    │   ├── ModelMissing          no model at the configured place
    │   ├── ModelInvalid          files missing, mismatched or of another architecture
    │   └── AnalysisFailed        one analysis failed or ran past its deadline
    ├── StoreError            the database or the snapshot folder
    │   ├── DiskFull              a write was refused because there is no space left
    │   └── SnapshotMissing       no snapshot of that id is kept (never was, or aged out)
    ├── ServiceError          the systemd service cannot be installed or removed
    └── DeliveryError         MQTT
        └── CommandRefused        a message that came in and cannot be acted on; `kind` says why

Adapters translate: no exception of av, cv2, openvino, sqlite3 or paho leaves its folder. Messages
say what, which camera or file, the value found and what is allowed, and never hold a secret.
"""

from __future__ import annotations

from dataclasses import dataclass


class EdgeError(Exception):
    """Base of every error raised on purpose; its text is fit to show to the user."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a configuration: where it is, what is wrong, what to do about it."""

    path: str  # dotted, as `cameras.porch.inputs.0.url`; "" for the file as a whole
    message: str  # what is wrong, with the value found and what is allowed
    remedy: str = ""  # what to write instead; may be a nearest-name hint
    line: int | None = None  # 1-based line in the file, where known

    def __str__(self) -> str:
        where = self.path or "file"
        if self.line is not None:
            where += f" (line {self.line})"
        return f"{where}: {self.message}" + (f" {self.remedy}" if self.remedy else "")


class ConfigError(EdgeError):
    """The configuration cannot be used. `problems` holds every fault found, not only the first."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        self.source = source
        self.problems = problems
        faults = "1 error" if len(problems) == 1 else f"{len(problems)} errors"
        super().__init__("\n".join([f"{source}: {faults}", *(f"  {p}" for p in problems)]))


class CaptureError(EdgeError):
    """A camera's source."""


class SourceUnreachable(CaptureError):
    """The source cannot be opened now; trying again later may work."""


class SourceBroken(CaptureError):
    """The source was open and failed; trying again may work."""


class SourceUnsupported(CaptureError):
    """The source cannot work as it is configured."""


class SourceRefused(SourceUnsupported):
    """The camera does not accept the user name or the password."""


class SourceEnded(CaptureError):
    """A file source that is not looped came to its end."""


class PictureError(EdgeError):
    """A picture that cannot be read or written or has impossible dimensions."""


class QuestionError(EdgeError):
    """A question that cannot be asked."""


class SessionGone(QuestionError):
    """A follow-up to a conversation, or to pictures, that are not kept any more or never were."""


class TooBusy(EdgeError):
    """A person's question was not taken, or waited for too long; asking later may work."""


class Withdrawn(EdgeError):
    """A question was taken back before its answer began."""


class LabelError(EdgeError):
    """Labelled pictures or clips that cannot be used."""


class ReportError(EdgeError):
    """A report that cannot be written."""


class ModelError(EdgeError):
    """The vision-language model."""


class ModelMissing(ModelError):
    """There is no model at the configured place."""


class ModelInvalid(ModelError):
    """The model's files are incomplete, do not fit each other or are of another architecture."""


class AnalysisFailed(ModelError):
    """One analysis failed or ran past its deadline."""


class StoreError(EdgeError):
    """The database or the snapshot folder."""


class DiskFull(StoreError):
    """A write was refused because there is no space left; later it may be taken."""


class SnapshotMissing(StoreError):
    """No snapshot of that id is kept."""


class ServiceError(EdgeError):
    """The systemd service cannot be installed or removed."""


class DeliveryError(EdgeError):
    """MQTT."""


class CommandRefused(DeliveryError):
    """A message that came in and cannot be acted on. `kind` groups reasons, for logs and counts."""

    def __init__(self, kind: str, reason: str) -> None:
        self.kind = kind
        super().__init__(reason)
