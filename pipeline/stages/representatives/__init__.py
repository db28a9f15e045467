"""The stage `representatives`: the most typical images of each cluster.

- `ranking.py`: members by typicality, representatives, centroid and cohesion.

Not here: reading and storing (`steps/representatives.py`).
"""
