"""The objects that all requests share: library, search, encoder, decisions, runs and queue, created once.

What belongs here: creating, starting and stopping them. Not here: their code (the modules beside this file), HTTP
(`routes/`).
"""

from threading import Event
from typing import Annotated

from fastapi import Depends, Request

from pipeline.service.database import ServiceDatabase
from pipeline.service.encoders import Encoders
from pipeline.service.following import Follower
from pipeline.service.metrics import Metrics
from pipeline.service.options import Options
from pipeline.service.problems import Problem
from pipeline.service.queue import Queue
from pipeline.service.runs import Row, Runs
from pipeline.service.search import Decoders, Searcher
from pipeline.service.thumbnails import Thumbnails
from pipeline.settings import SourceSettings
from pipeline.steps.curation import Curation
from pipeline.steps.library_view.cache import Library
from pipeline.steps.library_view.words import Texts
from pipeline.steps.project import Project
from pipeline.storage.source_record import record_of, write_source

QUEUE_PATIENCE_SECONDS = 900.0  # converting a model for the first time may take minutes; the queue can wait that long


class Service:
    """Everything behind the API of one data directory."""

    def __init__(self, project: Project, options: Options) -> None:
        self.project, self.options = project, options
        self.params = project.settings.service
        self.stopping = Event()  # set before connections are waited for, so that what stays open ends
        layout = project.layout
        self.curation = _curation(project, read_only=options.read_only)
        self.library = Library(project, self.curation)
        self.texts = Texts(project)
        self.encoders = Encoders(project)
        self.decoders = Decoders(project, self.params)
        self.searcher = Searcher(project, self.library, self.encoders, self.decoders, self.texts)
        self.thumbnails = Thumbnails(project, self.library, read_only=options.read_only)
        self.database = ServiceDatabase(layout.service_database, read_only=options.read_only)
        self.runs = Runs(project.settings, self.database, layout.service_runs)
        # the queue reads the bucket in its own thread, so it has its own project and bucket
        self._reading = own = Project(
            project.settings, encoder=lambda: self.encoders.get(QUEUE_PATIENCE_SECONDS), talk=project.talk,
            decode_apart=True,
        )  # fmt: skip
        self.queue = Queue(self.database, self.params, own, self.library.forget)
        self.follower = Follower(project)
        shown = (self.library, self.curation, self.database, self.queue)
        self.metrics = Metrics(*shown) if self.params.metrics else None

    def take_source(self, source: SourceSettings) -> None:
        """Read images from this source from now on, and record it for later starts."""
        for project in (self.project, self._reading):
            project.settings = project.settings.model_copy(update={"source": source})
            project.__dict__.pop("bucket", None)  # opened for the source of before
        write_source(self.project.layout, record_of(source.url, source.categories))

    def start(self) -> None:
        """Start the background work."""
        self.follower.start()
        if not self.options.read_only:
            self.runs.start()
            self.queue.start()

    def stop(self) -> list[Row]:
        """Stop the background work; returns the runs that continue by themselves."""
        left: list[Row] = []
        self.follower.stop()
        if not self.options.read_only:
            self.queue.stop()
            left = self.runs.stop()
        self.decoders.close()
        self.thumbnails.close()
        self.database.close()
        if self.curation is not None:
            self.curation.close()
        return left

    def decisions(self) -> Curation:
        """The store of decisions. Raises `Problem` if there is none."""
        if self.curation is None:
            raise Problem(409, "nothing-decided", "There are no decisions yet, and this service is read-only.")
        return self.curation


def service_of(request: Request) -> Service:
    """The service of the application that received the request."""
    return request.app.state.service


Shared = Annotated[Service, Depends(service_of)]


def _curation(project: Project, *, read_only: bool) -> Curation | None:
    """The decisions; None for a read-only view of a library without any."""
    configured = project.settings.curation.database_url
    if read_only and configured is None and not project.layout.curation.exists():
        return None
    return Curation(project, read_only=read_only)
