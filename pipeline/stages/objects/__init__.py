"""The stage `objects`: images → the boxes in them, and an id for each that outlasts a better detector.

- `boxes.py`: boxes, their overlap, the pixels of a crop, and which boxes count.
- `annotations.py`: files of boxes that people have (COCO, YOLO, Pascal VOC), and the images that they are about.
- `json_lists.py`: the lists in a large JSON document, an element at a time.
- `corrected.py`: boxes that people refused or drew.
- `lineage.py`: the lasting id of an object, inherited from the box that it overlaps.
- `table.py`: one row per object, and the rows that later links work on instead of images.

Not here: reading and storing (`steps/objects.py`), embedding crops (`stages/embeddings/crops.py`).
"""
