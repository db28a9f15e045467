"""The bucket as a Dagster resource: the S3 configuration of dagster-aws with our own client.

What belongs here: the fields of the resource, and which of them override image-cluster.yaml. Not here: talking to S3 or
a folder (`pipeline/adapters/buckets.py`), the defaults (`pipeline/settings/`).

The fields are those of `dagster_aws.s3.S3Resource`, so its documentation applies, but requests go through obstore,
which reads 3 to 4 times as many objects a second. Keys are read from the environment when the bucket is opened. A field
takes a key only as `dg.EnvVar("NAME")`, which Dagster resolves in the process of the step and shows by name.
"""

from collections.abc import Callable

from dagster_aws.s3.resources import ResourceWithS3Configuration
from pydantic import Field

from pipeline.adapters.buckets import open_source
from pipeline.adapters.s3_store import Credentials
from pipeline.errors import BucketError, SettingsError
from pipeline.settings import SourceSettings
from pipeline.stages.manifest.bucket import Bucket

_AS_SETTINGS = "Unset: as source.{} in image-cluster.yaml says."
_SECRET = "Give it as an EnvVar, never as text. Unset: the environment of the step says."  # noqa: S105 a description


class BucketResource(ResourceWithS3Configuration):
    """The bucket that holds the images: an S3 or R2 bucket, or a folder."""

    url: str | None = Field(
        default=None, description=f"A folder, s3://bucket/prefix or r2://bucket/prefix. {_AS_SETTINGS.format('url')}"
    )
    endpoint_url: str | None = Field(
        default=None, description=f"The S3 endpoint. {_AS_SETTINGS.format('endpoint_url')}"
    )
    region_name: str | None = Field(default=None, description=f"The region. {_AS_SETTINGS.format('region')}")
    max_attempts: int | None = Field(  # pyright: ignore[reportIncompatibleVariableOverride] 5 must not win over settings
        default=None, ge=1, description=f"Tries per request, the first one counted. {_AS_SETTINGS.format('retries')}"
    )
    # in dagster-aws's own class, repr and model_dump show these; `repr` and `exclude` hide them
    aws_access_key_id: str | None = Field(default=None, repr=False, exclude=True, description=_SECRET)
    aws_secret_access_key: str | None = Field(default=None, repr=False, exclude=True, description=_SECRET)
    aws_session_token: str | None = Field(default=None, repr=False, exclude=True, description=_SECRET)

    def open(self, source: SourceSettings, *, notice: Callable[[str], None] | None = None) -> Bucket:
        """The bucket, with `source` for unset fields; makes no request yet. `notice` gets texts about delays and such.

        Raises `SettingsError` for a field that is not supported, `BucketError` without credentials.
        """
        self._refuse_unsupported()
        return open_source(
            source,
            url=self.url,
            endpoint_url=self.endpoint_url,
            region=self.region_name,
            retries=None if self.max_attempts is None else self.max_attempts - 1,
            credentials=self._credentials(),
            notice=notice,
        )

    def _credentials(self) -> Credentials | None:
        key, secret = self.aws_access_key_id, self.aws_secret_access_key
        if key and secret:
            return Credentials(key, secret, self.aws_session_token)
        if key or secret:
            raise BucketError(
                "The bucket resource has only one of aws_access_key_id and aws_secret_access_key. Set both, or neither "
                "for those of the environment."
            )
        return self._profile() if self.profile_name else None

    def _profile(self) -> Credentials:
        """Keys of a named profile of ~/.aws, by boto3 as in dagster-aws."""
        import boto3
        from botocore.exceptions import ProfileNotFound

        try:
            credentials = boto3.Session(profile_name=self.profile_name).get_credentials()
        except ProfileNotFound as error:
            raise BucketError(f"{error} Set profile_name to one of ~/.aws/config.") from error
        if credentials is None:
            raise BucketError(f"The profile {self.profile_name!r} of ~/.aws has no credentials.")
        frozen = credentials.get_frozen_credentials()
        return Credentials(frozen.access_key or "", frozen.secret_key or "", frozen.token)

    def _refuse_unsupported(self) -> None:
        requested = {"use_unsigned_session": self.use_unsigned_session, "use_ssl": not self.use_ssl,
                 "verify": self.verify is False}  # fmt: skip
        refused = [name for name, is_requested in requested.items() if is_requested]
        if refused:
            raise SettingsError(
                f"The bucket resource does not support {', '.join(refused)}: requests are signed and certificates "
                "checked. For a server without TLS give an endpoint_url that begins with http://."
            )
