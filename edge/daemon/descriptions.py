"""What a finding says of the descriptions that were written for its keyframe. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge.details import one_line
from edge.questions import Description


def description_fields(descriptions: Sequence[Description]) -> dict[str, object]:
    """The finding's fields for its descriptions, the most important first; none for none.

    Of what several of them have, a key of `details` or a summary, the first one's stays. A summary
    that only lists values gives way to any that was written as one.
    """
    if not descriptions:
        return {}
    details: dict[str, Any] = {}
    for description in descriptions:
        details |= {k: v for k, v in description.details.items() if k not in details}
    written = [d.summary for d in descriptions if d.summary and not _is_made(d)]
    plain = [d for d in descriptions if not d.details]
    return {
        "summary": written[0] if written else one_line(details),
        "objects": [one for d in plain for one in d.objects],
        "texts": [one for d in plain for one in d.texts],
        "spatial_relations": [one for d in plain for one in d.spatial_relations],
        "details": details,
        "truncated": any(d.truncated for d in descriptions),
    }


def _is_made(description: Description) -> bool:
    return bool(description.details) and "summary" not in description.details
