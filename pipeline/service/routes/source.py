"""Choosing the source on an empty data directory: folders, what a run would do, and the first run.

What belongs here: HTTP, and who may do it. Not here: looking at sources (`steps/first_source.py`).

Listing folders of the server's machine tells a stranger what is on it, and a run copies thumbnails of what it finds
there. So all of this exists only

- while the data directory has no category, and the service may write;
- for the machine itself (loopback), or with a token: the checks of host, origin and token are those of every request
  (`security.py`), so no page of another site can ask, and no name that was rebound to this machine;
- for folders at or below `serve --browse FOLDER`. On loopback without a token this is the home directory of whoever
  started the service, who can read it anyway; otherwise nothing, unless it was given. Links are resolved first.

Buckets are opened with the credentials of the service's environment and the endpoint of its settings; a request cannot
name an endpoint, so nobody has the service call an address of theirs. They can be chosen on loopback only.
"""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from pipeline.service.context import Service, Shared
from pipeline.service.models import RunShape, Shape
from pipeline.service.problems import Problem
from pipeline.service.routes.runs import run_shape
from pipeline.steps import first_source

router = APIRouter(tags=["runs"])
MOST_PATH = 4096


class FolderShape(Shape):
    name: str
    path: str


class FolderList(Shape):
    """A folder and those in it; without a path, the folders that may be looked into."""

    path: str
    folders: list[FolderShape]


class SourceRequest(Shape):
    url: str = Field(min_length=1, max_length=MOST_PATH, description="A folder, s3://bucket/prefix or r2://…")
    single: bool = Field(default=False, description="All folders as one library, not one for each top folder.")


class PlannedCategory(Shape):
    category: str
    images: int
    trouble: str = Field(description="Why it cannot be listed; empty if it can.")
    variants: int = Field(description="Further files, which show an image in another width and are not read.")


class PlanShape(Shape):
    """What a run would do; nothing was changed."""

    url: str
    single: bool
    categories: list[PlannedCategory]
    images: int
    more: int = Field(description="Further categories, not counted.")
    hint: str


@router.get("/source/folders")
def list_folders(service: Shared, path: Annotated[str, Query(max_length=MOST_PATH)] = "") -> FolderList:
    """Folders of the server's machine that can be chosen. Only while the data directory is empty."""
    _check_offered(service)
    here, found = first_source.folders(service.options.browse, path)
    return FolderList(path=here, folders=[FolderShape(name=folder.name, path=folder.path) for folder in found])


@router.post("/source/plan")
def plan_source(service: Shared, body: SourceRequest) -> PlanShape:
    """What a run of a source would do. Lists it and reads no image. Only while the data directory is empty."""
    made = first_source.plan(service.project.settings, _url(service, body.url), single=body.single)
    return PlanShape(
        url=made.url, single=made.single, categories=[PlannedCategory(**asdict(found)) for found in made.categories],
        images=made.images, more=made.more, hint=made.hint,
    )  # fmt: skip


@router.post("/source/run", status_code=202)
def run_source(service: Shared, body: SourceRequest) -> RunShape:
    """Take a source as that of this data directory, and run everything. Only while the data directory is empty."""
    settings = first_source.with_source(service.project.settings, _url(service, body.url), single=body.single)
    service.take_source(settings.source)
    return run_shape(service.runs.launch_all(settings))


def offered(service: Service) -> bool:
    """Whether a source can be chosen here."""
    options = service.options
    trusted = options.loopback or options.token is not None
    return trusted and not options.read_only and not service.params.dagster_url and not service.library.slugs()


def _check_offered(service: Service) -> None:
    if not offered(service):
        raise Problem(
            409, "source-is-chosen", "A source can be chosen only while the data directory is empty, by a service that "
            "may write and that only this machine, or a token, reaches. Use `image-cluster run SOURCE`.",
        )  # fmt: skip


def _url(service: Service, url: str) -> str:
    """The source, if it may be chosen. Raises `Problem` or `SettingsError`."""
    _check_offered(service)
    if "://" not in url:
        return str(first_source.allowed_folder(service.options.browse, url))
    if not service.options.loopback:
        raise Problem(
            403, "bucket-not-allowed", "Buckets can be chosen here by the machine itself only, because they are read "
            "with its credentials. Use `image-cluster run` there.",
        )  # fmt: skip
    return url
