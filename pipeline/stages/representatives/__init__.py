"""The stage `representatives`: the most typical images of each cluster.

- `ranking.py`: members sorted by how typical they are, representatives, centroid and cohesion.

Not here: reading and storing (`steps/representatives.py`).
"""
