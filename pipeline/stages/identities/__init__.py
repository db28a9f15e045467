"""The stage `identities`: raw clusters → clusters with lasting ids.

- `matching.py`: which raw cluster continues which cluster, and the fate of each.
- `assignment.py`: overlaps and the best one-to-one assignment; `centroid_matching.py`: matching by centroid.
- `superclusters.py`: the coarser level, families of clusters.

Not here: people's names and decisions (`curation/`).
"""
