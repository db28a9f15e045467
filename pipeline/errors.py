"""Every kind of trouble that a user can be told about, one class per kind, each saying what to do next.

What belongs here: exception classes whose text is meant for people. Not here: rejected images (they are rows with a
reason, `stages/images/decode.py`) and bugs (they stay ordinary Python exceptions and show a traceback).
"""


class ImageClusterError(Exception):
    """Base of all expected failures. The command line prints the text and exits with `exit_code`."""

    exit_code = 1


class PermanentError(ImageClusterError):
    """Trying again without changing something gives the same answer."""


class TransientError(ImageClusterError):
    """The same call may succeed later: a time-out, a connection that dropped, a server that is busy."""


class SettingsError(PermanentError):
    """A setting is unknown, out of bounds or contradicts another."""

    exit_code = 2


class UnknownNameError(SettingsError):
    """A name (encoder, reducer, clusterer, category, cluster) is not one of those that exist."""


class AmbiguousNameError(SettingsError):
    """A name fits several clusters. `candidates` are their ids."""

    def __init__(self, text: str, *, candidates: tuple[str, ...]) -> None:
        super().__init__(text)
        self.candidates = candidates


class BucketError(PermanentError):
    """The bucket answered no: it does not exist, or the credentials are wrong."""


class BucketUnreachableError(TransientError):
    """The bucket did not answer: no network, a wrong endpoint, a server that is down."""


class ObjectMissingError(PermanentError):
    """An object that a listing named is gone. One image's trouble, never a run's. `status` is that of its row."""

    status = "missing"


class ObjectUnusableError(ObjectMissingError):
    """An object is there, but nobody may open it: a pipe, a link that leads elsewhere, a key that cannot be asked for.

    Asking again gives the same answer as long as its listing stays the same.
    """

    status = "unreadable"


class ObjectTooLargeError(ObjectMissingError):
    """An object is larger than what may be read."""

    status = "too_large"


class EncoderError(PermanentError):
    """The encoder cannot be had: no such name, no weights, no hub."""


class MissingArtifactError(PermanentError):
    """A stage was asked to run before the one that feeds it."""


class NewerSchemaError(PermanentError):
    """The data directory was written by a newer version of this program."""


class CategoriesFailedError(PermanentError):
    """Some of several categories failed; the others were finished. The text names each with its reason."""

    def __init__(self, text: str, *, exit_code: int = 1) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class FactsMismatchError(PermanentError):
    """What a link recorded beside its tables is not what this version reads. The text names every wrong field."""


class AllImagesRejectedError(PermanentError):
    """Not one image of a category could be read; nothing downstream would mean anything."""


class TooFewImagesError(PermanentError):
    """There are too few images for what was asked."""


class PublishRefusedError(PermanentError):
    """What would be published does not hold (schema, counts); what is published stays in place."""


class PublishHeldError(PublishRefusedError):
    """A new result was held back for a person to look at; what is published stays in place."""

    exit_code = 3


class CandidateError(SettingsError):
    """A candidate or version that was named cannot be accepted or rolled back to."""


class OutletError(PermanentError):
    """An outlet said no: its old set stays in place."""


class OutletUnreachableError(TransientError):
    """An outlet did not answer: its old set stays in place."""


class DemoError(PermanentError):
    """A demo library cannot be made on this machine."""


class ConflictError(PermanentError):
    """Someone else decided something about the same thing in the meantime, or it is decided already."""


class DecisionError(PermanentError):
    """A decision does not hold: it names what is not there, or says nothing new."""

    exit_code = 2


class CurationDatabaseError(TransientError):
    """The database of what people decide does not answer. Nothing was stored."""


class DamagedDatabaseError(PermanentError):
    """The database of what people decide is cut, overwritten or unreadable. Nothing was written to it."""


class LostDecisionsError(PermanentError):
    """There are fewer or other decisions than the last publication was made from. Nothing was published."""


class BackupError(PermanentError):
    """A copy of the decisions is damaged, not there, or not what it should be. Nothing was changed."""


class DamagedFileError(PermanentError):
    """A file of the data directory is cut, overwritten or unreadable. It was left as it is."""


class DamagedArtifactError(DamagedFileError):
    """A stored result is damaged. `slug` and `name` say which; a run heals what can be computed again."""

    def __init__(self, text: str, *, slug: str, name: str) -> None:
        super().__init__(text)
        self.slug, self.name = slug, name
