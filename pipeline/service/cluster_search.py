"""Whether a cluster fits what was typed into a search for clusters: the same on the page and in the API.

What belongs here: that rule. Not here: the other filters (`page/walls.py`, `routes/clusters.py`), search by image
(`search.py`).
"""

from pipeline.steps.library_view.snapshot import ClusterRow

LEAST_OF_AN_ID = 4  # characters; ids are random, so a shorter piece of one fits many by chance


def fits(cluster: ClusterRow, query: str) -> bool:
    """Names fit wherever they contain it, ids only from their beginning and from `LEAST_OF_AN_ID` characters on."""
    wanted = query.casefold().strip()
    names = [cluster["name"] or "", *cluster["former_names"]]
    ids = [cluster["id"], *cluster["merged"]] if len(wanted) >= LEAST_OF_AN_ID else []
    return any(wanted in name.casefold() for name in names) or any(name.startswith(wanted) for name in ids)
