"""The pages over the API; templates and static files lie beside this file.

`router.py` joins their routes. `views.py` and `more_views.py` are the pages, `walls.py` and `members.py` what they
list, `columns.py` what only the page's scripts ask for, `render.py` templates and static files.
"""
