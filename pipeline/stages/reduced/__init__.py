"""The stage `reduced`: the vectors that are clustered, and the map.

- `projection.py`: reducers, and places on the map that stay put as the library grows.

Not here: reading and storing (`steps/reduced.py`).
"""
