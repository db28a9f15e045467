"""What people decide, at the data directory: deciding, undoing, and the clusters as people want them.

What belongs here: taking the state that an event keeps, joining stored clusters with stored events. Not here: what a
decision needs (`curation/checks.py`) and does (`curation/replay.py`), the database (`storage/curation/`), publishing
(`publish.py`).
"""

import os
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pipeline.curation import decisions as d
from pipeline.curation.checks import check_images, checked, known_cluster
from pipeline.curation.decisions import ClusterState, Decision, Event
from pipeline.curation.replay import Computed, Curated, CuratedCluster, replay
from pipeline.curation.review import reasons
from pipeline.errors import ConflictError, DamagedDatabaseError, DecisionError
from pipeline.stages.contract import columns
from pipeline.stages.identities.contract import LEDGER_SCHEMA, MEMBERS_SCHEMA
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.steps.data_directory import DataDirectory
from pipeline.steps.decision_guard import DecisionGuard, ways_on
from pipeline.storage.artifacts import Artifact
from pipeline.storage.curation.reading import Reader, SqliteFile

if TYPE_CHECKING:
    from pipeline.storage.curation.store import CurationStore, Transaction

DATABASE_VARIABLE = "IMAGE_CLUSTER_DATABASE_URL"

# the columns that are read here, of tables that the stages make
_USABLE = columns(IMAGES_SCHEMA, "content_hash", "status")
_HOMES = columns(MEMBERS_SCHEMA, "content_hash", "cluster_id")
_BOOK = columns(LEDGER_SCHEMA, "cluster_id", "alive", "members")


@dataclass
class _Cached:
    """The last computed clusters and their replay, by what they were made of."""

    version: str
    computed: Computed
    curated: Curated | None = None


@dataclass(frozen=True)
class _Common:
    """What the events of one call share."""

    at: str
    actor: str
    why: str | None


class Curation:
    """The decisions of one data directory. Raises `CurationDatabaseError` when their database does not open.

    `read_only`: nothing is decided and nothing migrated. What is made from decisions or adds to them raises
    `LostDecisionsError` where those of the last publication are not there, and `DamagedDatabaseError`.
    """

    def __init__(self, data: DataDirectory, *, read_only: bool = False) -> None:
        self._data, self.read_only = data, read_only
        self._configured = os.environ.get(DATABASE_VARIABLE) or data.settings.curation.database_url
        self._cache: dict[str, _Cached] = {}
        self.guard = DecisionGuard(data, lambda: self._place)
        file = SqliteFile(data.layout.curation)
        with self._naming_ways_on():
            self._reader: Reader = file if self._configured is None and file.is_current() else self.store

    @cached_property
    def store(self) -> "CurationStore":
        """Where decisions are written: opened, and made or migrated if need be, at the first use."""
        from pipeline.storage.curation.store import CurationStore, database_url

        with self._naming_ways_on():
            return CurationStore(database_url(self._data.layout.curation, self._configured), read_only=self.read_only)

    @property
    def _place(self) -> str:
        return str(self._data.layout.curation) if self._configured is None else self.store.name

    @contextmanager
    def _naming_ways_on(self) -> Generator[None]:
        try:
            yield
        except DamagedDatabaseError as error:
            told = str(error)
            ways = ways_on(self._data)
            raise error if ways in told else DamagedDatabaseError(f"{told}\n{ways}") from None

    def checked(self, slug: str) -> Reader:
        """`log`, once it is known that no decision about a category was lost. Raises `LostDecisionsError`."""
        self.guard.check(slug, self.log)
        return self.log

    @property
    def log(self) -> Reader:
        """What was decided, for reading; a database that nobody has written to is not made for it."""
        return self.__dict__.get("store", self._reader)

    def close(self) -> None:
        """Close every connection."""
        if "store" in self.__dict__:
            self.store.close()

    def curated(self, slug: str) -> Curated:
        """The clusters of a category as people want them now."""
        return self._curated(slug, self.checked(slug).events(slug))

    def review_reasons(self, slug: str) -> dict[str, list[str]]:
        """Cluster id → why it asks to be reviewed."""
        change = self._data.settings.curation.review_change
        return reasons(self.curated(slug), self.log.flags(slug), change=change)

    def cluster(self, slug: str, cluster: str) -> CuratedCluster:
        """One cluster by its id, one that was merged into it, or its name.

        Raises `UnknownNameError` with the nearest ids, `AmbiguousNameError` with those of all that the name fits.
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
        """Store a decision, with the state of what it touches. A second call with the same `key` stores nothing.

        `expected` are the revisions of clusters that the caller saw; `ConflictError` when one has moved on. Raises
        `UnknownNameError` for an id that does not exist, `DecisionError` for what makes no sense.
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
        """Store decisions that belong together, of one category or of several: all of them, or none.

        As `decide` otherwise; each is checked against what those before it leave. `expected` is checked once, before
        the first. Raises `ConflictError` for a `key` that stands for other decisions.
        """
        for slug in decisions:
            self.checked(slug)
        with self.store.transactions(list(decisions)) as transactions:
            if key is not None and (stored := _stored(transactions, decisions, key)) is not None:
                return stored
            _check_revisions(transactions.values(), expected or {})
            common = _Common(self._data.now(), d.one_line(actor), why)
            return {slug: self._append(tx, decisions[slug], common, key) for slug, tx in transactions.items()}

    def _append(
        self, tx: "Transaction", decisions: Sequence[Decision], common: "_Common", key: str | None
    ) -> list[Event]:
        events: list[Event] = []
        for decision in decisions:
            # what is not stored yet never enters the cache: another transaction may take its numbers
            computed = self._held(tx.category).computed
            curated = replay(computed, tx.events) if events else self._curated(tx.category, tx.events)
            fitting = self._checked(tx.category, decision, curated)
            events.append(
                tx.append(
                    fitting,
                    at=common.at,
                    actor=common.actor,
                    why=common.why,
                    key=None if events else key,
                    state=_state(fitting, curated),
                )
            )
        return events

    def undo(self, slug: str, number: int | None, *, actor: str, why: str | None = None) -> Event:
        """Undo an event, by default the last one that holds."""
        if number is None:
            active = d.active_events(self.log.events(slug))
            if not active:
                raise DecisionError(f"There is no decision in {slug} to undo.")
            number = active[-1].number
        return self.decide(slug, d.Undo(event=number), actor=actor, why=why)

    def named(self, slug: str) -> frozenset[str]:
        """Ids of computed clusters that go by a name, merged ones included."""
        from pipeline.curation.replay import fold

        return fold(self.checked(slug).events(slug)).names()

    def computed(self, slug: str) -> Computed:
        """The clusters as computed, from `identities`."""
        return self._held(slug).computed

    def _held(self, slug: str) -> _Cached:
        stored = self._data.store.current(slug, "identities")
        if stored is None:  # read, but not clustered yet: there are images to tag and to leave out
            images = self._data.store.require(slug, "images")
            table = images.table("images", _USABLE, list(_USABLE))
            usable = table.filter(pl.col("status") == "ok")["content_hash"]
            return _Cached("", Computed({}, frozenset(usable)))
        version = stored.provenance.version
        held = self._cache.get(slug)
        if held is None or held.version != version:
            held = self._cache[slug] = _Cached(version, _computed(stored))
        return held

    def _curated(self, slug: str, events: Sequence[Event]) -> Curated:
        held = self._held(slug)
        if held.curated is None or held.curated.events != len(events):
            held.curated = replay(held.computed, events)
        return held.curated

    def _checked(self, slug: str, decision: Decision, curated: Curated) -> Decision:
        """The decision in terms of what is there, so that nobody decides about an id that never was."""

        def left_out() -> frozenset[str]:
            return curated.excluded | self.log.excluded(slug).keys() | curated.tags.keys()

        check_images(decision, slug, self.computed(slug).home, left_out)
        return checked(decision, curated)


def database_of(data: DataDirectory) -> tuple[str, Path | None]:
    """The address of the decisions, and their file where it is one. Opens nothing."""
    from sqlalchemy.engine import make_url

    from pipeline.storage.curation.store import database_url

    configured = os.environ.get(DATABASE_VARIABLE) or data.settings.curation.database_url
    url = database_url(data.layout.curation, configured)
    if not url.startswith("sqlite"):
        return url, None
    return url, Path(str(make_url(url).database))


def new_cluster_id(slug: str, images: Collection[str], number: int) -> str:
    """An id for images that people split off; `number` (of the last event) keeps two of the same images apart."""
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


def _stored(
    transactions: Mapping[str, "Transaction"], decisions: Mapping[str, Sequence[Decision]], key: str
) -> dict[str, list[Event]] | None:
    """The events that an earlier call with this key stored; those of one call have numbers in a row."""
    firsts = {slug: tx.with_key(key) for slug, tx in transactions.items()}
    if not any(firsts.values()):
        return None
    stored: dict[str, list[Event]] = {}
    for slug, first in firsts.items():
        start = len(transactions[slug].events) if first is None else first.number - 1
        stored[slug] = transactions[slug].events[start : start + len(decisions[slug])]
        if [one.decision.kind for one in stored[slug]] != [one.kind for one in decisions[slug]]:
            raise ConflictError(f"The key {key!r} was used for other decisions, so nothing was stored. Use a new key.")
    return stored


def _check_revisions(transactions: Collection["Transaction"], expected: Mapping[str, int]) -> None:
    for cluster, revision in expected.items():
        now = max(tx.revision(cluster) for tx in transactions)  # an id is of one category; elsewhere it is 0
        if now != revision:
            raise ConflictError(
                f"Cluster {cluster} was changed since you saw it (revision {revision}, now {now}), so nothing was "
                "stored. Look at it again, then decide."
            )


def _state(decision: Decision, curated: Curated) -> dict[str, ClusterState]:
    touched = {one: curated.clusters[one] for one in decision.clusters_touched() if one in curated.clusters}
    return {name: ClusterState(one.name, one.status, one.members, one.description) for name, one in touched.items()}
