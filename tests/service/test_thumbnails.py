"""A thumbnail that is gone, cut or noise is made again when somebody looks at it."""

import pytest

from tests.service.site import Site, problem
from tests.steps.test_thumbnails import HARM


@pytest.mark.parametrize("harm", HARM)
def test_the_service_makes_it_again_at_once(site: Site, harm: str) -> None:
    with site.serve() as client:
        image = client.get(f"/images/{client.ids()[3]}").json()
        path = site.project().thumbnails.path(image["content_hash"])
        whole = path.read_bytes()
        shown = client.get(f"/thumbnails/{image['content_hash']}").raise_for_status().content
        HARM[harm](path)
    with site.serve() as client:
        assert client.get(f"/thumbnails/{image['content_hash']}").raise_for_status().content == shown
        assert path.read_bytes() == whole
        path.unlink()
        (site.library / image["key"]).unlink()
    with site.serve() as client:
        problem(client.get(f"/thumbnails/{image['content_hash']}"), 404)


def test_a_read_only_service_shows_it_and_stores_nothing(site: Site) -> None:
    with site.serve(read_only=True) as client:
        image = client.get(f"/images/{client.ids()[3]}").json()
        path = site.project().thumbnails.path(image["content_hash"])
        path.write_bytes(b"")
        client.get(f"/thumbnails/{image['content_hash']}").raise_for_status()
        assert path.read_bytes() == b""
