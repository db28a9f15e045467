"""The expected errors, one class per kind; their texts say what to do next.

What belongs here: exception classes whose text is meant for people. Not here: rejected images, which are rows with a
reason (`stages/images/decode.py`), and bugs, which stay ordinary Python exceptions with a traceback.
"""

from pathlib import Path


class ImageClusterError(Exception):
    """Base of all expected failures. The command line prints the text and exits with `exit_code`."""

    exit_code = 1


class PermanentError(ImageClusterError):
    """Trying again without a change fails again."""


class TransientError(ImageClusterError):
    """The same call may succeed later: a time-out, a dropped connection, a busy server."""


class SettingsError(PermanentError):
    """A setting is unknown, out of bounds or contradicts another."""

    exit_code = 2


class DataDirectoryError(SettingsError):
    """The data directory is a file, a link to something that is no folder, or holds no library."""


class NoImagesError(SettingsError):
    """The source, or a category of it, holds no image and never did."""


class UnknownNameError(SettingsError):
    """There is no encoder, reducer, clusterer, category or cluster with this name."""


class AmbiguousNameError(SettingsError):
    """A name fits several clusters or categories. `candidates` are their ids or slugs."""

    def __init__(self, text: str, *, candidates: tuple[str, ...]) -> None:
        super().__init__(text)
        self.candidates = candidates


class BucketError(PermanentError):
    """The bucket refused: it does not exist, or the credentials are wrong."""


class FullBucketError(BucketError):
    """There is no space left where the objects lie. What was there is unchanged."""


class BucketUnreachableError(TransientError):
    """The bucket did not answer: no network, a wrong endpoint, a server that is down."""


class ObjectMissingError(PermanentError):
    """A listed object is gone. Concerns one image, never the whole run; `status` is that of its row."""

    status = "missing"


class ObjectUnusableError(ObjectMissingError):
    """An object exists but cannot be opened: a pipe, a link out of the source, a key that cannot be requested.

    Reading it again fails again until its listing changes.
    """

    status = "unreadable"


class ObjectTooLargeError(ObjectMissingError):
    """An object is larger than the limit."""

    status = "too_large"


class EncoderError(PermanentError):
    """The encoder is unavailable: unknown name, no weights, no hub."""


class DetectorError(EncoderError):
    """The detector of objects is unavailable: no weights, no library, a card that does not fit."""


class ExecutionError(PermanentError):
    """Workers cannot be used: no cluster, no room, another encoder or other versions."""


class MissingArtifactError(PermanentError):
    """A stage ran before the stage that produces its input."""


class NewerSchemaError(PermanentError):
    """The data directory was written by a newer version of this program."""


class CategoriesFailedError(PermanentError):
    """Some categories failed; the others were finished. The text names each with its reason."""

    def __init__(self, text: str, *, exit_code: int = 1) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class FactsMismatchError(PermanentError):
    """The recorded facts of an artefact do not match their model. The text names every wrong field."""


class AllImagesRejectedError(PermanentError):
    """No image of a category could be read, so the later stages would have no input."""


class TooFewImagesError(PermanentError):
    """There are too few images for this command."""


class PublishRefusedError(PermanentError):
    """The new document is invalid (schema, counts); the current publication stays in place."""


class PublishHeldError(PublishRefusedError):
    """A new result was held back for a person to check; the current publication stays in place."""

    exit_code = 3


class CandidateError(SettingsError):
    """The named candidate or version cannot be accepted or rolled back to."""


class OutletError(PermanentError):
    """An outlet refused; its old set stays in place."""


class OutletUnreachableError(TransientError):
    """An outlet did not answer; its old set stays in place."""


class DemoError(PermanentError):
    """A demo library cannot be made on this machine."""


class ConflictError(PermanentError):
    """Someone else made a decision about the same cluster meanwhile, or the decision was already made."""

    def __init__(self, text: str, *, exit_code: int = 1) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class DecisionError(PermanentError):
    """A decision is invalid: it names something unknown, or changes nothing."""

    exit_code = 2


class ExportError(PermanentError):
    """An export would replace what was not exported before. Nothing was written."""

    exit_code = 2


class CurationDatabaseError(TransientError):
    """The database of decisions does not answer. Nothing was stored."""


class FullDiskError(TransientError):
    """There is no space left on a disk. Nothing was stored."""


class DamagedDatabaseError(PermanentError):
    """The database of decisions is truncated, overwritten or unreadable. Nothing was written to it."""


class LostDecisionsError(PermanentError):
    """Decisions behind the last publication are missing or different. Nothing was published."""


class BackupError(PermanentError):
    """A copy of the decisions is damaged, missing or the wrong one. Nothing was changed."""


class DataCopyError(PermanentError):
    """A library cannot be copied to a bucket or from it without losing something. Nothing was replaced."""


class LeaseHeldError(TransientError):
    """Another machine works on the library in the bucket. Nothing was changed."""


class LeaseLostError(DataCopyError):
    """Another machine took over the library in the bucket while this one worked. Nothing was replaced there."""


class DamagedFileError(PermanentError):
    """A file of the data directory is truncated, overwritten or unreadable. It was left unchanged."""


class DamagedVectorsError(DamagedFileError):
    """`parts` (their Parquet files) of the vectors are damaged; a run embeds their images again."""

    def __init__(self, text: str, *, parts: list[Path]) -> None:
        super().__init__(text)
        self.parts = parts


class DamagedArtifactError(DamagedFileError):
    """The artefact `name` of category `slug` is damaged; a run repairs it if it can be computed again."""

    def __init__(self, text: str, *, slug: str, name: str) -> None:
        super().__init__(text)
        self.slug, self.name = slug, name
