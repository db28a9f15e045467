"""The stage `identities`: raw clusters → clusters with lasting ids.

- `matching.py`: which raw cluster continues which cluster, and how each came to be.
- `assignment.py`: overlaps and the best one-to-one assignment; `centroid_matching.py`: clusters followed by centroid.
- `superclusters.py`: the clusters of clusters that `parent` names.

Not here: people's names and decisions (`curation/`).
"""
