"""The table of file formats in `docs/formats.md`, made by trying each file of `tests/odd_images.py`.

What belongs here: the table. Not here: what is asserted of single files (`tests/stages/images`).

`python -m tests.formats_table` prints it.
"""

from pipeline.settings import ImageParams
from pipeline.stages.images.decode import Decoded, decode
from tests.odd_images import odd_images

# What people call it → the files that are tried, by their names in `odd_images`
ROWS = {
    "JPEG, progressive, RGB, CMYK": ("JPEG", "progressive jpeg", "rgb jpeg", "cmyk jpeg"),
    "PNG, with palette, transparent, 16 bits": ("PNG", "palette", "fully transparent", "16-bit colour png"),
    "WebP, lossy, lossless, transparent": ("WEBP", "lossy webp", "transparent webp"),
    "AVIF": ("AVIF",),
    "HEIC (iPhone)": ("plain heic", "turned heic", "clear heic"),
    "HEIC burst or live photo": ("burst heic",),
    "GIF and animated GIF or WebP": ("GIF", "animated gif", "animated webp"),
    "TIFF, 16 bits, floating point, CMYK, Lab": ("TIFF", "16-bit grey tiff", "float tiff", "cmyk tiff", "lab tiff"),
    "TIFF of several pages": ("pages tiff",),
    "BMP, ICO, JPEG 2000, QOI, PPM, PCX, SGI": ("BMP", "ICO", "JPEG2000", "QOI", "PPM", "PCX", "SGI"),
    "EXIF orientation 1 to 8": tuple(f"orientation {number}" for number in range(1, 9)),
    "an embedded colour profile (Display P3, Adobe RGB)": ("display p3",),
    "bytes after the picture": ("jpeg with a tail",),
    "damaged EXIF": ("damaged exif",),
    "a file that is cut off": ("half a jpeg", "truncated PNG", "truncated WEBP", "truncated AVIF", "cut heic"),
    "an empty file": ("empty",),
    "more pixels than `images.max_megapixels`": ("bomb",),
    "RAW of a camera (CR2, CR3, DNG, NEF, ARW, RAF, ORF, RW2)": ("canon raw", "canon raw 3", "fuji raw", "dng"),
    "JPEG XL": ("jpeg xl",),
    "SVG, EPS, PDF": ("svg", "eps", "pdf"),
    "video": ("mp4",),
}
NOTES = {
    "HEIC burst or live photo": "the picture that viewers show",
    "GIF and animated GIF or WebP": "the first frame",
    "TIFF of several pages": "the first page",
    "EXIF orientation 1 to 8": "turned upright",
    "an embedded colour profile (Display P3, Adobe RGB)": "converted to sRGB",
    "HEIC (iPhone)": "browsers other than Safari cannot show the original; thumbnails they can",
    "RAW of a camera (CR2, CR3, DNG, NEF, ARW, RAF, ORF, RW2)": "develop it, or let the camera store a JPEG beside it; "
    "the small preview inside is not taken for the photograph",
    "JPEG XL": "convert it",
}


def result_of(names: tuple[str, ...]) -> str:
    """What becomes of these files: `used`, or `set aside as STATUS`. Raises AssertionError if they differ."""
    odd = odd_images()
    results = {name: decode(odd[name].data, ImageParams()) for name in names}
    found = {"used" if isinstance(one, Decoded) else f"set aside as {one.status}" for one in results.values()}
    assert len(found) == 1, results
    return found.pop()


def table() -> str:
    """The rows in Markdown."""
    lines = ["| file | result | |", "|---|---|---|"]
    lines += [f"| {row} | {result_of(names)} | {NOTES.get(row, '')} |" for row, names in ROWS.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
