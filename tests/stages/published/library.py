"""A small library for the tests of the published documents and the review page: clusters, noise and bad files."""

from io import BytesIO
from typing import Any

from pipeline.stages.published.document import (
    ClusterView,
    DiedCluster,
    ImageRef,
    LibraryView,
    Member,
    RejectedImage,
    Unclustered,
    build_document,
)

GENERATED_AT = "2026-11-21T03:00:00Z"


def image(country: str | None, identifier: str, category: str = "bollards") -> ImageRef:
    """The image that the bucket's usual layout gives for a country and an identifier."""
    key = f"{category}/{country}/{country}-{identifier}-800w.webp"
    return ImageRef(f"hash-of-{key}", key, country, identifier)


def images(start: int, stop: int, country: str = "de") -> list[ImageRef]:
    """The images of a country from number `start` up to but not including `stop`."""
    return [image(country, str(n)) for n in range(start, stop)]


def cluster(id_: str, *images: ImageRef, **fields: object) -> ClusterView:
    """A cluster of these images, the first of which represents it."""
    members = [Member(one, 1 - index / 100, 0.9 - index / 100) for index, one in enumerate(images)]
    defaults: dict[str, object] = {"representatives": images[:2], "cohesion": 0.8333333}
    return ClusterView(id=id_, members=members, **(defaults | fields))  # type: ignore[arg-type]


def library(*clusters: ClusterView, **fields: object) -> LibraryView:
    """A view of these clusters, or of three usual ones, whose counts add up."""
    chosen = clusters or (
        cluster("c-small222", image("at", "1"), image("at", "2"), fate="born", needs_review=True),
        cluster(
            "c-large222",
            *(image("de", str(number)) for number in (10, 2, 1)),
            image("at", "3"),
            image("at", "4"),
            name="White cylinder",
            description="One red band.",
            fate="grown",
        ),
        cluster("c-hidden22", image("fr", "1"), image("fr", "2"), name="Blurred", status="unusable"),
    )
    unclustered = [Unclustered(image("ch", "7"), chosen[0].id, 0.4123456789), Unclustered(image(None, "8"), None, None)]
    rejected = [RejectedImage("bollards/it/it-1-800w.webp", "broken", "the file ends early")]
    defaults: dict[str, object] = {
        "category": "bollards",
        "model": {"encoder": "packaged:efficientnet_lite0", "dimension": 3, "fingerprint": "f", "device": "cpu"},
        "settings": {"labels": {"method": "hdbscan", "min_samples": None}, "reduced": {"seed": 42}},
        "clusters": chosen,
        "unclustered": unclustered,
        "rejected": rejected,
        "total_images": sum(len(one.members) for one in chosen) + 3,
        "died": (DiedCluster("c-gone2222", "Old block", 4),),
    }
    return LibraryView(**(defaults | fields))  # type: ignore[arg-type]


def built(*clusters: ClusterView, **fields: object) -> dict[str, Any]:
    """The document of such a library."""
    return build_document(library(*clusters, **fields), generated_at=GENERATED_AT)


def thumbnail(key: str) -> bytes:
    """A small WebP whose colour depends on the key."""
    from PIL import Image

    red, green, blue = (sum(key.encode()) * factor % 200 for factor in (3, 5, 7))
    buffer = BytesIO()
    Image.new("RGB", (48, 36), (red, green, blue)).save(buffer, "WEBP")
    return buffer.getvalue()
