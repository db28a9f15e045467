"""The documentation: its pages, as text for a terminal and as HTML for the service.

`pages.py` knows which pages there are, `render.py` makes HTML of one, `search.py` finds words in all of them, and
`reference.py` writes the pages that are generated from the code.
"""
