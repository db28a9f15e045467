"""Credentials of an S3 bucket, and obstore set up for it.

What belongs here: the options of obstore's client and its objects as ours. Not here: where credentials and endpoint
come from (`buckets.py`), making requests (`s3_requests.py`).
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.stages.manifest.bucket import ObjectInfo

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import S3Credential, S3Store

CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys of a bucket. Their repr shows none of them."""

    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    def hide(self, message: str) -> str:
        """`message` in one line, without secret and token."""
        for secret in (self.secret, self.token):
            if secret:
                message = message.replace(secret, "***")
        return " ".join(message.split())


def open_store(
    bucket: str,
    prefix: str,
    *,
    endpoint: str,
    region: str,
    credentials: Credentials,
    timeout_seconds: float,
) -> "S3Store":
    """obstore's client for the objects below `prefix`; no request is made yet."""
    from obstore.store import S3Store

    # A provider instead of plain keys: obstore would add AWS_SESSION_TOKEN from the environment to foreign keys, and
    # without any keys it would ask the instance-metadata service.
    answer: S3Credential = {
        "access_key_id": credentials.key_id, "secret_access_key": credentials.secret,
        "token": credentials.token, "expires_at": None,
    }  # fmt: skip
    return S3Store(
        bucket,
        prefix=prefix or None,
        config={
            "endpoint": endpoint,
            "aws_endpoint_url_s3": endpoint,  # otherwise the variable of that name would override `endpoint`
            "region": region,
            "virtual_hosted_style_request": False,
            "disable_bulk_delete": True,  # every server understands a plain DELETE
        },
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "timeout": timedelta(seconds=timeout_seconds),
            "connect_timeout": timedelta(seconds=min(CONNECT_SECONDS, timeout_seconds)),
        },
        retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=timeout_seconds)},  # `RetryPolicy` retries
        credential_provider=lambda: answer,
    )


def object_info(meta: "ObjectMeta") -> ObjectInfo:
    """An object of obstore as ours."""
    return ObjectInfo(meta["path"], (meta["e_tag"] or "").strip('"'), meta["size"], meta["last_modified"])
