"""The read model: one view of a category, from which the command line, the API, the page and the publisher all read.

`tables.py` joins what the stages stored; `figures.py` computes the figures of clusters that decisions changed;
`snapshot.py` lays decisions and figures over the tables; `cache.py` keeps snapshots for the service. `listing.py`,
`history.py` and `published.py` give a snapshot the shape of the command line, of a history and of a publication.
"""
