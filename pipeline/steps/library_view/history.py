"""The history of decisions, as rows and in words.

What belongs here: events for people to read. Not here: the kinds of decisions (`curation/decisions.py`), deciding
(`steps/curation.py`).
"""

from collections.abc import Sequence
from typing import Any, assert_never

from pipeline.curation import decisions as d
from pipeline.curation.events import Event, is_undone
from pipeline.steps.project import Project

Row = dict[str, Any]


def history_rows(project: Project, slug: str, cluster: str | None = None, limit: int = 50) -> list[Row]:
    """The decisions about a category or one cluster, newest first."""
    curation = project.curation
    events = curation.log.events(slug)
    waits = {waiting.number: waiting.reason for waiting in curation.curated(slug).waiting}
    rows: list[Row] = []
    for event in curation.log.touching(slug, cluster=cluster, limit=limit):
        state = "undone" if is_undone(events, event.number) else "waits" if event.number in waits else ""
        rows.append({"event": event.number, "at": event.at, "actor": event.actor, "what": describe(event),
                     "why": event.why or "", "state": state})  # fmt: skip
    return rows


def event_row(event: Event) -> Row:
    """One event as JSON: who, when, why, and the decision."""
    return {"event": event.number, "at": event.at, "actor": event.actor, "why": event.why,
            "decision": event.decision.model_dump(mode="json")}  # fmt: skip


def describe(event: Event) -> str:  # noqa: C901, PLR0911, PLR0912  # one line for each kind of decision
    """One event in words."""
    match event.decision:
        case d.Rename(cluster=cluster, name=name):
            return f"named {cluster} “{name}”" if name else f"removed the name of {cluster}"
        case d.Describe(cluster=cluster, description=text):
            return f"described {cluster}" if text else f"removed the description of {cluster}"
        case d.SetStatus(cluster=cluster, status=status):
            return f"set {cluster} to {status}"
        case d.Review(cluster=cluster):
            return f"reviewed {cluster}"
        case d.Merge(clusters=clusters, into=into):
            return f"merged {', '.join(source for source in clusters if source != into)} into {into}"
        case d.Split(cluster=cluster, images=images, new_cluster=new, name=name):
            return f"split {_many(images)} off {cluster} as {f'“{name}” ' if name else ''}{new}"
        case d.Create(images=images, new_cluster=new, name=name):
            return f"made {_many(images)} a cluster of their own, {f'“{name}” ' if name else ''}{new}"
        case d.Move(images=images, to=to, clusters=sources):
            left = ", ".join(source for source in sources if source != to)
            return f"moved {_many(images)}{f' from {left}' if left else ''} to {to or 'unclustered'}"
        case d.ChooseRepresentative(cluster=cluster, image=image):
            return (
                f"chose a representative of {cluster}" if image else f"cleared the chosen representative of {cluster}"
            )
        case d.Tag(images=images, tag=tag):
            return f"tagged {_many(images)} “{tag}”"
        case d.Untag(images=images, tag=tag):
            return f"removed the tag “{tag}” from {_many(images)}"
        case d.Exclude(images=images, clusters=sources):
            return f"excluded {_many(images)}{' of ' + ', '.join(sources) if sources else ''}"
        case d.Include(images=images):
            return f"took back {_many(images)}"
        case d.Note(cluster=cluster, text=text):
            return f"noted on {cluster}: {text}"
        case d.Pair(same=same):
            return f"rated that two images {'belong' if same else 'do not belong'} together"
        case d.Undo(event=number):
            return f"undid event {number}"
        case d.Granularity(value=value):
            return f"set the granularity to {value}" if value else "set the granularity back to that of the settings"
        case d.Encoder(spec=spec):
            return f"set the encoder to {spec}" if spec else "set the encoder back to that of the settings"
        case d.SaveView(name=name, address=address):
            return f"removed the view “{name}”" if address is None else f"saved the view “{name}”"
        case d.WrongBox(box=box, clusters=sources):
            return f"said that the box at {_place(box)} is wrong{', of ' + ', '.join(sources) if sources else ''}"
        case d.AddBox(box=box, label=label):
            return f"drew a box{f' “{label}”' if label else ''} at {_place(box)}"
        case d.KeepBoth(images=images):
            return f"marked {_many(images)} as not duplicates"
        case _:
            assert_never(event.decision)


def _place(box: tuple[float, float, float, float]) -> str:
    """Where a box is, in per cent of its image."""
    x, y, w, h = (f"{100 * value:.0f}" for value in box)
    return f"{x}, {y} % ({w} × {h} %)"


def _many(images: Sequence[str]) -> str:
    return "1 image" if len(images) == 1 else f"{len(images)} images"
