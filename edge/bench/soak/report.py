"""A soak's outcome as tables and as one JSON document."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from edge.bench.soak.account import MAX_SHOWN, Soak
from edge.bench.tables import Table


def as_tables(soak: Soak) -> tuple[Table, ...]:
    """The report; its last table says what is wrong."""
    faults = soak.faults()
    kills = ", ".join(f"{name} {count}" for name, count in soak.kills.items())
    heard = soak.heard
    rows = (
        ("processes killed", f"{sum(soak.kills.values())} ({kills})"),
        ("disk full, broker away", f"{soak.disk_full_s:.0f} s, {soak.broker_away_s:.0f} s"),
        ("starts of the daemon", f"{soak.starts}, {soak.ends_when_full} ended on the full disk"),
        ("findings in the store", str(soak.stored)),
        ("of them heard to the end", str(soak.stored - len(soak.unfinished))),
        ("messages heard", f"{heard.messages}, {heard.repeated} of them again"),
        ("missing, out of order", f"{heard.gaps}, {heard.out_of_order}"),
        ("samples of the account", f"{soak.samples}, {len(soak.imbalances)} wrong"),
        *((f"left out: {what}", why) for what, why in soak.left_out.items()),
    )
    grown = tuple(
        (
            g.name,
            str(g.samples),
            *(f"{a:g} / {b:g}" for a, b in (g.descriptors, g.threads, g.anonymous_mb)),
        )
        for g in soak.growths
    )
    title = f"Soak of {soak.length_s:g} s, seed {soak.seed}"
    head = ("process", "samples", "descriptors", "threads", "memory, MB")
    return (
        Table(title, (), rows),
        Table("What each held", head, grown, "medians of the first and the last third"),
        Table("Faults" if faults else "No fault was found", (), tuple((f,) for f in faults)),
    )


def as_document(soak: Soak) -> dict[str, Any]:
    """The same for programs."""
    return {
        "schema": "edge.bench.soak/1",
        "ok": not soak.faults(),
        "faults": soak.faults(),
        "seed": soak.seed,
        "length_s": soak.length_s,
        "disk_full_s": round(soak.disk_full_s, 1),
        "broker_away_s": round(soak.broker_away_s, 1),
        "kills": dict(soak.kills),
        "starts": soak.starts,
        "ends_when_full": soak.ends_when_full,
        "stored": soak.stored,
        "heard": {
            "messages": soak.heard.messages,
            "repeated": soak.heard.repeated,
            "gaps": soak.heard.gaps,
            "out_of_order": soak.heard.out_of_order,
        },
        "lost": soak.lost[:MAX_SHOWN],
        "unfinished": soak.unfinished[:MAX_SHOWN],
        "samples": soak.samples,
        "imbalances": soak.imbalances[:MAX_SHOWN],
        "dropped": soak.dropped,
        "growths": [asdict(growth) | {"is_flat": growth.is_flat} for growth in soak.growths],
        "left_out": dict(soak.left_out),
    }
