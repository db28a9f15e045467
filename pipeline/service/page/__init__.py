"""The pages over the API; templates and static files lie beside this file.

`router.py` joins their routes. `views.py` and `more_views.py` are the pages, `walls.py` and `members.py` the lists on
them, `columns.py` the data for the page's scripts, `render.py` templates and static files.
"""
