"""The stage `representatives`: the most typical images of each cluster.

- `ranking.py`: members by how typical they are, the chosen few, centroid and cohesion.

Not here: reading and storing (`steps/representatives.py`).
"""
