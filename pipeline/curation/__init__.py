"""Decisions of people, and their replay over computed clusters. Pure: no disk, no database.

- `decisions.py`: the kinds of decisions; `fields.py`: the types of their fields; `events.py`: the events that record
  them, and which of these are in force.
- `addressing.py`, `checks.py`: resolving and checking what a decision names.
- `fold.py`: the state after all events; `replay.py`: that state applied to clusters (`clusters.py`); `waiting.py`: what
  cannot be applied.
- `review.py`: which clusters need a review; `suggest.py`: names that could suit.
"""
