"""The default clusterer: communities of the graph of neighbours.

- `clusterer.py`: embeddings → raw clusters, probabilities, and the settings as used.
- `structure.py`: one community structure of the graph at a given resolution, by Leiden.
- `resolution.py`: which resolution; `hierarchy.py`: coarser and finer levels that nest.
- `outliers.py`: which images fit nowhere. `edges.py`: which edges lie inside a group.
- `prior_partition.py`: what a full clustering remembers of the one before.

Not here: the graph (`stages/neighbours/`).
"""
