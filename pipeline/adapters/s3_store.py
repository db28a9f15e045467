"""Credentials of an S3 bucket, and obstore set up for it.

What belongs here: the options of obstore's client and its objects as ours. Not here: where credentials and endpoint
come from (`buckets.py`), making requests (`s3_requests.py`).
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from pipeline.stages.manifest.bucket import ObjectInfo

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, S3Credential, S3Store

CONNECT_SECONDS = 5.0
READING = timedelta(days=1)  # `s3_body.py` ends what drips, and the time-out of a read what is silent
WRITING = 10  # times the limit of other requests, for parts of 5 MB over a slow line


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


class Stores(NamedTuple):
    """obstore's client for the objects below a prefix, three times, with different limits.

    `usual`: the time-out limits a whole request. `reading`: it limits each silence of the body. `writing`: a whole
    request with a large body may take `WRITING` times as long.
    """

    usual: "S3Store"
    reading: "S3Store"
    writing: "S3Store"


def open_stores(
    bucket: str, prefix: str, *, endpoint: str, region: str, credentials: Credentials, timeout_seconds: float
) -> Stores:
    """The clients of a bucket; no request is made yet."""
    timeout = timedelta(seconds=timeout_seconds)

    def opened(limit: timedelta, *, silence: timedelta | None = None) -> "S3Store":
        return open_store(
            bucket, prefix, endpoint=endpoint, region=region, credentials=credentials, timeout=limit, silence=silence
        )

    return Stores(opened(timeout), opened(READING, silence=timeout), opened(WRITING * timeout))


def open_store(
    bucket: str,
    prefix: str,
    *,
    endpoint: str,
    region: str,
    credentials: Credentials,
    timeout: timedelta,
    silence: timedelta | None = None,
) -> "S3Store":
    """obstore's client for the objects below `prefix`. `timeout` limits a whole request, `silence` each read of it."""
    from obstore.store import S3Store

    # A provider instead of plain keys: obstore would add AWS_SESSION_TOKEN from the environment to foreign keys, and
    # without any keys it would ask the instance-metadata service.
    answer: S3Credential = {
        "access_key_id": credentials.key_id, "secret_access_key": credentials.secret,
        "token": credentials.token, "expires_at": None,
    }  # fmt: skip
    limits: ClientConfig = {
        "allow_http": endpoint.startswith("http://"),
        "timeout": timeout,
        "connect_timeout": min(timedelta(seconds=CONNECT_SECONDS), silence or timeout),
    }
    if silence is not None:
        limits["read_timeout"] = silence
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
        client_options=limits,
        retry_config={"max_retries": 0, "retry_timeout": timeout},  # `RetryPolicy` retries
        credential_provider=lambda: answer,
    )


def object_info(meta: "ObjectMeta") -> ObjectInfo:
    """An object of obstore as ours."""
    return ObjectInfo(meta["path"], (meta["e_tag"] or "").strip('"'), meta["size"], meta["last_modified"])
