"""Decisions of people, and their replay over computed clusters. Pure: no disk, no database.

`decisions.py` has the kinds of decisions and their events; `addressing.py` and `checks.py` resolve and check what a
decision names; `fold.py` gives the state after all events, `replay.py` applies it to clusters (`clusters.py`), and
`waiting.py` lists what cannot be applied; `review.py` says which clusters need a review, `suggest.py` suggests names.
"""
