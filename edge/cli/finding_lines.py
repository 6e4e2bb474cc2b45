"""Findings as lines for a terminal. What a finding says is text, never markup."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from edge.details import one_line
from edge.findings import Finding, VerdictReport


def show_finding(console: Console, finding: Finding) -> None:
    """One block for a keyframe: verdicts when they come, later only what the end adds to them."""
    if finding.type == "new":
        return
    adds = bool(finding.summary or finding.details or finding.superseded or finding.status != "ok")
    if finding.type == "end" and finding.verdicts and not adds:
        return
    console.print(Text(_headline(finding), style="cyan" if finding.type == "update" else "dim"))
    if finding.type == "update":
        for verdict in finding.verdicts:
            style = "bold yellow" if verdict.state == "on" else ""
            console.print(Text(f"           {_verdict(verdict)}", style=style))
        return
    values = one_line(finding.details)
    for line in dict.fromkeys((finding.summary, values)):  # a made summary is the values
        if line:
            cut = " [cut]" if finding.truncated and line == (values or finding.summary) else ""
            console.print(Text(f"           {line}{cut}", style="italic"))


def _headline(finding: Finding) -> str:
    trigger = finding.trigger
    words = [f"{finding.time[11:19]}Z", finding.camera]
    words.append(" ".join(w for w in (trigger.kind, trigger.phase, trigger.detail) if w))
    if finding.zones:
        words.append(f"in {', '.join(finding.zones)}")
    if finding.superseded:
        words.append("superseded by a newer one")
    elif finding.status != "ok":
        words.append(f"{finding.status}: {finding.reason}")
    elif finding.type == "end" and not finding.verdicts:
        words.append("no question asked")
    elif finding.timing.total_ms:
        words.append(f"{finding.timing.total_ms / 1000:.2f} s")
    return "  ".join(words)


def _verdict(verdict: VerdictReport) -> str:
    words = [
        f"{verdict.rule}: {verdict.answer!r}"
        if " " in verdict.answer
        else f"{verdict.rule}: {verdict.answer}",
        f"({verdict.probability:.0%})",
    ]
    if verdict.verdict == "unsure":
        words.append("too unsure to count")
    if verdict.state != "unknown":
        words.append(f"-> {verdict.state.upper()}{', just now' if verdict.changed else ''}")
    return " ".join(words)
