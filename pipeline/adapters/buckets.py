"""Opens the bucket that a URL names: a folder, s3://bucket/prefix or r2://bucket/prefix.

What belongs here: parsing the URL, and reading credentials from the environment when they are needed. Not here: the
interface of buckets (`stages/manifest/bucket.py`), S3 (`s3_bucket.py`), folders (`folder_bucket.py`).
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from pipeline.adapters.folder_bucket import FolderBucket
from pipeline.adapters.s3_bucket import ObstoreBucket
from pipeline.adapters.s3_store import Credentials
from pipeline.errors import BucketError, SettingsError
from pipeline.settings import CONCURRENCY, RETRIES, SKIP_NAMES, TIMEOUT_SECONDS, SourceSettings, without_secrets

_AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_R2 = ("R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY", "R2_SESSION_TOKEN")


def open_bucket(
    url: str,
    *,
    endpoint_url: str | None = None,
    region: str = "auto",
    concurrency: int = CONCURRENCY,
    timeout_seconds: float = TIMEOUT_SECONDS,
    retries: int = RETRIES,
    retry_seconds: float = 0,
    environment: Mapping[str, str] = os.environ,
    credentials: Credentials | None = None,
    skip_names: Sequence[str] = SKIP_NAMES,
    follow_links: Literal["inside", "all"] = "all",
    notice: Callable[[str], None] | None = None,
) -> FolderBucket | ObstoreBucket:
    """The bucket at `url`; no request is made yet.

    `concurrency` is the number of objects that `read_many` reads ahead, `timeout_seconds` the time limit of a request,
    `retries` the number of quick retries after a transient error, and `retry_seconds` the time to keep trying after
    those, if the server is busy or stopped answering. `credentials` default to those in `environment`. `skip_names` are
    left out of `folders`; `notice` receives messages for people. Raises `SettingsError` for an invalid URL or endpoint,
    `BucketError` if there are no credentials.
    """
    place = _place_of(url)
    if isinstance(place, Path):
        return FolderBucket(
            place, concurrency=concurrency, skip_names=skip_names, follow_links=follow_links, notice=notice
        )
    if place.scheme == "r2" and not endpoint_url:
        raise SettingsError(
            f"{url} needs an endpoint: set endpoint_url to https://ACCOUNT_ID.r2.cloudflarestorage.com "
            "(the account id is on the R2 page of the Cloudflare dashboard)."
        )
    return ObstoreBucket(
        place.bucket,
        place.prefix,
        url=url.rstrip("/"),
        endpoint_url=_endpoint(endpoint_url),
        region=_region(url, region, endpoint_url, environment),
        credentials=credentials or _credentials(url, place.scheme, environment),
        concurrency=concurrency,
        timeout_seconds=timeout_seconds,
        retries=retries,
        retry_seconds=retry_seconds,
        skip_names=skip_names,
        notice=notice,
    )


def open_source(
    source: SourceSettings,
    *,
    url: str | None = None,
    endpoint_url: str | None = None,
    region: str | None = None,
    retries: int | None = None,
    credentials: Credentials | None = None,
    notice: Callable[[str], None] | None = None,
) -> FolderBucket | ObstoreBucket:
    """The bucket of the settings; arguments override them. Raises what `open_bucket` raises."""
    return open_bucket(
        url or source.url,
        endpoint_url=endpoint_url or source.endpoint_url,
        region=region or source.region,
        concurrency=source.concurrency,
        timeout_seconds=source.timeout_seconds,
        retries=source.retries if retries is None else retries,
        retry_seconds=source.retry_seconds,
        credentials=credentials,
        skip_names=source.skip_names,
        follow_links=source.follow_links,
        notice=notice,
    )


class _S3Place(NamedTuple):
    """What an s3:// or r2:// URL names; `prefix` without slashes around it."""

    scheme: str
    bucket: str
    prefix: str


def _place_of(url: str) -> Path | _S3Place:
    """The folder or bucket that a URL names. Raises `SettingsError` if it names neither, or holds a secret."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return Path(url)
    if scheme == "file":
        return _path_of(url)
    if scheme not in ("s3", "r2"):
        raise SettingsError(
            f"{without_secrets(url)!r} is neither a folder nor a bucket. Give a folder, s3://bucket/prefix or "
            "r2://bucket/prefix."
        )
    bucket, _, prefix = rest.partition("/")
    if not bucket or "@" in bucket:
        raise SettingsError(
            f"{scheme}:// needs the name of a bucket and nothing else, as in {scheme}://images/library."
        )
    if without_secrets(url) != url:  # every message and record that names the bucket would show it
        raise SettingsError(f"The URL of {scheme}://{bucket} must not hold secrets; they come from the environment.")
    return _S3Place(scheme, bucket, prefix.strip("/"))


def _credentials(url: str, scheme: str, environment: Mapping[str, str]) -> Credentials:
    families = (_R2, _AWS) if scheme == "r2" else (_AWS,)
    for key_name, secret_name, token_name in families:
        key, secret = environment.get(key_name), environment.get(secret_name)
        if key and secret:
            return Credentials(key.strip(), secret.strip(), environment.get(token_name) or None)
        if key or secret:
            there, lacking = (key_name, secret_name) if key else (secret_name, key_name)
            raise BucketError(f"No credentials for {url}: {there} is set in the environment, but {lacking} is not.")
    wanted = ", or ".join(f"{key_name} and {secret_name}" for key_name, secret_name, _ in families)
    raise BucketError(f"No credentials for {url}: set {wanted} in the environment.")


def _endpoint(endpoint_url: str | None) -> str | None:
    if not endpoint_url:
        return None
    parts = urlsplit(endpoint_url)
    if "@" in endpoint_url or without_secrets(endpoint_url) != endpoint_url:
        raise SettingsError("endpoint_url must not hold credentials; they come from the environment.")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f"endpoint_url {endpoint_url!r} must begin with https:// (or http://) and name a host.")
    return endpoint_url.rstrip("/")


def _region(url: str, region: str, endpoint_url: str | None, environment: Mapping[str, str]) -> str:
    if region != "auto" or endpoint_url:
        return region
    default = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if not default:
        raise SettingsError(f"{url} without an endpoint_url is at AWS, which needs a region, for example eu-west-1.")
    return default


def _path_of(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise SettingsError(f"{without_secrets(url)!r} names a host. A file URL has three slashes: file:///srv/images.")
    # A bare # or ? in the path belongs to the folder's name, not to a fragment or a query.
    path = url.removeprefix("file://").removeprefix("localhost")
    return Path(unquote(path))
