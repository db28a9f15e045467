"""`labels` → the families of `identities`: stable ids for the coarser level.

What belongs here: reading the ledger of families of the last run, building the tables of this one. Not here: the
matching (`stages/identities/superclusters.py`), ids of clusters (`identities.py`).
"""

from collections.abc import Mapping

import polars as pl

from pipeline.settings import IdentityParams
from pipeline.stages.identities.contract import FAMILIES_SCHEMA, FAMILY_LEDGER_SCHEMA
from pipeline.stages.identities.matching import Ledger
from pipeline.stages.identities.superclusters import match_families
from pipeline.storage.artifacts import Artifact

Tables = dict[str, tuple[pl.DataFrame, pl.Schema]]


def family_tables(
    labels: pl.DataFrame,
    cluster_of: Mapping[int, str],
    current: Artifact | None,
    params: IdentityParams,
    *,
    category: str,
) -> Tables:
    """The tables `families` and `family_ledger`, from `LABELS_SCHEMA` and the cluster of each raw group.

    `current` is the artefact of the last run, which may be from before there were families.
    """
    grouped = (
        labels.drop_nulls("parent_group").group_by("parent_group")
        .agg(pl.col("content_hash").unique(), pl.col("raw_group").unique().sort()).sort("parent_group")
    )  # fmt: skip
    members = [frozenset(values) for values in grouped["content_hash"].to_list()]
    matched, ledger = match_families(members, _stored_ledger(current), params, category=category)
    rows = [(family, cluster_of[group], fate)
            for (family, fate), groups in zip(matched, grouped["raw_group"].to_list(), strict=True) for group in groups
            if group in cluster_of]  # fmt: skip
    everyone = {**ledger.dead, **ledger.alive}
    book = [(family, family in ledger.alive, sorted(everyone[family])) for family in sorted(everyone)]
    return {
        "families": (pl.DataFrame(rows, schema=FAMILIES_SCHEMA, orient="row"), FAMILIES_SCHEMA),
        "family_ledger": (pl.DataFrame(book, schema=FAMILY_LEDGER_SCHEMA, orient="row"), FAMILY_LEDGER_SCHEMA),
    }


def family_of(identities: Artifact) -> dict[str, str]:
    """Cluster id → family id; empty for an artefact from before there were families."""
    if "families" not in identities.provenance.rows:
        return {}
    table = identities.table("families", FAMILIES_SCHEMA)
    return dict(table.select("cluster_id", "family_id").iter_rows())


def _stored_ledger(current: Artifact | None) -> Ledger:
    if current is None or "family_ledger" not in current.provenance.rows:
        return Ledger()
    book = current.table("family_ledger", FAMILY_LEDGER_SCHEMA)
    entries = [(family, alive, frozenset(members)) for family, alive, members in book.iter_rows()]
    return Ledger(
        {family: members for family, alive, members in entries if alive},
        {family: members for family, alive, members in entries if not alive},
    )
