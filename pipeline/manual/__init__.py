"""The documentation: its pages, as text for a terminal and as HTML for the service.

`pages.py` knows which pages there are, `render.py` makes HTML of one, and `search.py` finds words in all of them. The
pages that are generated from the code are written by `python -m tests.manual.reference_pages`.
"""
