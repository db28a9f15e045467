"""The stage `tuning`: the result of each granularity for a category, so that a person can choose one.

- `trials.py`: the sweep and its figures: clusters, unclustered, validity, stability, and the ids that would be kept.
- `validity.py`: the silhouette.
- `sheets.py`: three settings side by side: which clusters of one contain which of another, and their pictures.
- `chart.py`: the curves, as SVG.
- `page.py`: the report (page.html.j2, page.css), one self-contained HTML file.

Not here: the clusterers (`stages/labels/clusterers.py`), and reading and storing (`steps/tune.py`).
"""
