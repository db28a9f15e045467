"""Decisions of people about one data directory: deciding, undoing, and the clusters after all decisions.

What belongs here: joining stored clusters with stored events, storing decisions in one transaction. Not here: what is
stored around a decision (`recording.py`), what it needs (`curation/checks.py`) and does (`curation/replay.py`), the
database (`storage/curation/`), publishing (`publish.py`).
"""

import os
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pipeline.curation import decisions as d
from pipeline.curation.addressing import named_cluster, namesakes
from pipeline.curation.checks import check_images, checked, known_cluster
from pipeline.curation.clusters import Computed, Curated, CuratedCluster
from pipeline.curation.decisions import Decision
from pipeline.curation.events import Event, active_events
from pipeline.curation.replay import replay
from pipeline.curation.review import reasons
from pipeline.errors import DamagedDatabaseError, DecisionError
from pipeline.stages.contract import columns
from pipeline.stages.identities.contract import LEDGER_SCHEMA, MEMBERS_SCHEMA
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.steps.data_directory import DataDirectory
from pipeline.steps.decision_guard import DecisionGuard, ways_on
from pipeline.steps.recording import Common, check_revisions, clean_actor, clean_remark, events_with_key, state_before
from pipeline.steps.units import units
from pipeline.storage.artifacts import Artifact
from pipeline.storage.curation import marker
from pipeline.storage.curation.reading import Reader, SqliteFile

if TYPE_CHECKING:
    from pipeline.storage.curation.store import CurationStore, Transaction

DATABASE_VARIABLE = "IMAGE_CLUSTER_DATABASE_URL"

# the columns that this module reads
_USABLE = columns(IMAGES_SCHEMA, "content_hash", "status")
_HOMES = columns(MEMBERS_SCHEMA, "content_hash", "cluster_id")
_BOOK = columns(LEDGER_SCHEMA, "cluster_id", "alive", "members")


@dataclass
class _Cached:
    """The computed clusters of one version of `identities`, and their last replay."""

    version: str
    computed: Computed
    curated: Curated | None = None


class Curation:
    """The decisions of one data directory. Raises `CurationDatabaseError` when their database does not open.

    `read_only`: nothing is decided or migrated. Methods that use or add decisions raise `LostDecisionsError` when
    decisions of the last publication are missing, and `DamagedDatabaseError`.
    """

    def __init__(self, data: DataDirectory, *, read_only: bool = False) -> None:
        self._data, self.read_only = data, read_only
        self._configured = os.environ.get(DATABASE_VARIABLE) or data.settings.curation.database_url
        self._cache: dict[str, _Cached] = {}
        self.guard = DecisionGuard(data, lambda: self._place)
        file = SqliteFile(data.layout.curation)
        with self._recovery_hint():
            self._reader: Reader = file if self._configured is None and file.is_current() else self.store

    @cached_property
    def store(self) -> "CurationStore":
        """Where decisions are written. Opened at the first use; creates or migrates the database if needed."""
        from pipeline.storage.curation.engine import database_url
        from pipeline.storage.curation.store import CurationStore

        with self._recovery_hint():
            return CurationStore(database_url(self._data.layout.curation, self._configured), read_only=self.read_only)

    @property
    def _place(self) -> str:
        return str(self._data.layout.curation) if self._configured is None else self.store.name

    @contextmanager
    def _recovery_hint(self) -> Generator[None]:
        try:
            yield
        except DamagedDatabaseError as error:
            message = str(error)
            ways = ways_on(self._data)
            raise error if ways in message else DamagedDatabaseError(f"{message}\n{ways}") from None

    def checked(self, slug: str) -> Reader:
        """`log`, after checking that no decision about this category is missing. Raises `LostDecisionsError`."""
        self.guard.check(slug, self.log)
        return self.log

    @property
    def log(self) -> Reader:
        """The decisions, for reading. Does not create a database."""
        return self.__dict__.get("store", self._reader)

    def close(self) -> None:
        """Close every connection."""
        if "store" in self.__dict__:
            self.store.close()

    def curated(self, slug: str) -> Curated:
        """The clusters of a category after all decisions."""
        return self._curated(slug, self.checked(slug).events(slug))

    def review_reasons(self, slug: str) -> dict[str, list[str]]:
        """Cluster id → why it needs a review."""
        change = self._data.settings.curation.review_change
        return reasons(self.curated(slug), self.log.flags(slug), change=change)

    def cluster(self, slug: str, cluster: str) -> CuratedCluster:
        """One cluster by its id, its name, or the id of a cluster that was merged into it.

        Raises `UnknownNameError` with the nearest ids, `AmbiguousNameError` with the ids of every match.
        """
        return known_cluster(self.curated(slug), cluster)

    def decide(
        self,
        slug: str,
        decision: Decision,
        *,
        actor: str,
        why: str | None = None,
        key: str | None = None,
        expected: Mapping[str, int] | None = None,
    ) -> Event:
        """Store a decision and the state of the clusters it touches. A second call with the same `key` stores nothing.

        `expected` maps clusters to the revisions that the caller saw; raises `ConflictError` if one has changed since.
        Raises `UnknownNameError` for an unknown id, `DecisionError` for an invalid decision.
        """
        return self.decide_all({slug: [decision]}, actor=actor, why=why, key=key, expected=expected)[slug][0]

    def decide_all(
        self,
        decisions: Mapping[str, Sequence[Decision]],
        *,
        actor: str,
        why: str | None = None,
        key: str | None = None,
        expected: Mapping[str, int] | None = None,
    ) -> dict[str, list[Event]]:
        """Store decisions about one or several categories in one transaction: all of them, or none.

        Like `decide`. Each decision is checked against the result of those before it, `expected` once before the first.
        Raises `ConflictError` for a `key` that was used for other decisions.
        """
        for slug in decisions:
            self.checked(slug)
        with self.store.transactions(list(decisions)) as transactions:
            if key is not None and (stored := events_with_key(transactions, decisions, key)) is not None:
                return stored
            check_revisions(transactions.values(), expected or {})
            common = Common(self._data.now(), clean_actor(actor), clean_remark(why))
            events = {slug: self._append(tx, decisions[slug], common, key) for slug, tx in transactions.items()}
        with suppress(OSError):  # the decisions are stored; the next one writes the mark
            marker.mark(self._data.layout, [slug for slug, made in events.items() if made], common.at)
        return events

    def _append(self, tx: "Transaction", decisions: Sequence[Decision], common: Common, key: str | None) -> list[Event]:
        events: list[Event] = []
        for decision in decisions:
            # uncommitted events stay out of the cache: another transaction may take their numbers
            computed = self._cached(tx.category).computed
            curated = replay(computed, tx.events) if events else self._curated(tx.category, tx.events)
            fitting = self._validated(tx.category, decision, curated)
            events.append(
                tx.append(
                    fitting,
                    at=common.at,
                    actor=common.actor,
                    why=common.why,
                    key=None if events else key,
                    state=state_before(fitting, curated),
                )
            )
        return events

    def undo(self, slug: str, number: int | None, *, actor: str, why: str | None = None) -> Event:
        """Undo an event, by default the last one that holds."""
        if number is None:
            active = active_events(self.log.events(slug))
            if not active:
                raise DecisionError(f"There is no decision in {slug} to undo.")
            number = active[-1].number
        return self.decide(slug, d.Undo(event=number), actor=actor, why=why)

    def named(self, slug: str) -> frozenset[str]:
        """Ids of computed clusters that have a name, merged ones included."""
        from pipeline.curation.fold import fold

        return fold(self.checked(slug).events(slug)).names()

    def namesakes(self, slug: str, event: Event) -> list[str]:
        """The ids of the other clusters that have the name that this event gave, sorted; none for other events."""
        named = named_cluster(event.decision)
        return [] if named is None else namesakes(named, self.curated(slug).names)

    def decided_names(self, slug: str) -> dict[str, str | None]:
        """Cluster id → the name in force, None if it was taken away; also of clusters that are gone."""
        from pipeline.curation.fold import fold

        return {cluster: name for cluster, (_, name) in fold(self.checked(slug).events(slug)).name.items()}

    def computed(self, slug: str) -> Computed:
        """The clusters as computed, from `identities`."""
        return self._cached(slug).computed

    def _cached(self, slug: str) -> _Cached:
        stored = self._data.store.current(slug, "identities")
        if stored is None:  # not clustered yet, but images can already be tagged and excluded
            images = units(self._data.store, slug)
            table = images.table("images", _USABLE, list(_USABLE))
            usable = table.filter(pl.col("status") == "ok")["content_hash"]
            return _Cached("", Computed({}, frozenset(usable)))
        version = stored.provenance.version
        cached = self._cache.get(slug)
        if cached is None or cached.version != version:
            cached = self._cache[slug] = _Cached(version, _computed(stored))
        return cached

    def _curated(self, slug: str, events: Sequence[Event]) -> Curated:
        cached = self._cached(slug)
        if cached.curated is None or cached.curated.events != len(events):
            cached.curated = replay(cached.computed, events)
        return cached.curated

    def _validated(self, slug: str, decision: Decision, curated: Curated) -> Decision:
        """The decision with current cluster ids. Raises what `checked` and `check_images` raise."""

        def left_out() -> frozenset[str]:
            return curated.excluded | self.log.excluded(slug).keys() | curated.tags.keys()

        check_images(decision, slug, self.computed(slug).home, left_out)
        return checked(decision, curated)


def database_of(data: DataDirectory) -> tuple[str, Path | None]:
    """The address of the database of decisions, and its file if it is SQLite. Opens nothing."""
    from sqlalchemy.engine import make_url

    from pipeline.storage.curation.engine import database_url

    configured = os.environ.get(DATABASE_VARIABLE) or data.settings.curation.database_url
    url = database_url(data.layout.curation, configured)
    if not url.startswith("sqlite"):
        return url, None
    return url, Path(str(make_url(url).database))


def new_cluster_id(slug: str, images: Collection[str], number: int) -> str:
    """An id for images that people make a cluster. `number` of the last event separates two of the same images."""
    from pipeline.stages.identities.matching import id_letters

    return f"p-{id_letters('split', slug, str(number), *sorted(images))}"


def _computed(stored: Artifact) -> Computed:
    members = stored.table("members", _HOMES, list(_HOMES)).unique()
    grouped = members.filter(pl.col("cluster_id").is_not_null()).group_by("cluster_id").agg("content_hash")
    book = stored.table("ledger", _BOOK, list(_BOOK)).filter(~pl.col("alive"))
    return Computed(
        clusters={name: frozenset(images) for name, images in sorted(grouped.iter_rows())},
        unclustered=frozenset(members.filter(pl.col("cluster_id").is_null())["content_hash"]),
        former={name: frozenset(images) for name, images in book.select("cluster_id", "members").iter_rows()},
    )
