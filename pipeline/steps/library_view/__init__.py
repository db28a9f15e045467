"""The read model: one view of a category for the command line, the API, the page and the publisher.

`tables.py` joins the tables of the stages; `figures.py` computes figures of clusters that decisions changed;
`snapshot.py` applies decisions and figures to the tables; `cache.py` keeps snapshots for the service. `listing.py`,
`history.py` and `published.py` turn a snapshot into rows of the command line, a history and a publication.
"""
