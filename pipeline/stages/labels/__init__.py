"""The stage `labels`: vectors → raw clusters.

- `clusterers.py`: the clusterers by name, and what the granularity means to each.
- `community/`: the default clusterer. `grouping.py`: what each clusterer returns, numbered by size.
- `incremental.py`: new images placed into the clusters that are there.
- `suggestions.py`: the cluster that an unclustered image may belong to.

Not here: lasting ids (`stages/identities/`), reading and storing (`steps/labels.py`).
"""
