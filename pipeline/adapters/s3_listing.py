"""Exact listing of an S3 bucket through boto3, for buckets with keys that obstore cannot represent.

What belongs here: what is asked through boto3, pages of a listing and bodies without their length. Not here: when it is
needed (`s3_pages.py`, `s3_bucket.py`), explaining its errors (`s3_requests.py`), which keys can be requested
(`stages/manifest/keys.py`).

obstore refuses a whole page for one key with an empty part, and drops slashes at both ends of a key, which then names
another object. boto3 lists such keys but is slower, so it is used only if needed.
"""

import logging
import ssl
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_plus

from pipeline.adapters.bounded import on_a_thread
from pipeline.stages.manifest.bucket import ObjectInfo
from pipeline.stages.manifest.bucket_manifest import UNKNOWN_SIZE

PAGE = 1000
PAGE_SECONDS = 60.0  # for a whole page, since boto3 limits only each silence; longer if `timeout_seconds` is
BUNDLE = "ca-certificates.crt"  # of Debian, Ubuntu and Alpine, where Python knows only the folder


class ListedPage(NamedTuple):
    """Objects and, if one level was listed, its folders; keys are relative to the bucket's prefix."""

    objects: list[ObjectInfo]
    folders: list[str]
    token: str | None = None  # of the next page
    more: bool = False  # whether the server says that another page follows; some give no token then


class ListingRefusedError(Exception):
    """The server's answer in obstore's format (status, code, message), or the network error."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BUSY = frozenset({429, 503})
_OF_A_LISTING = frozenset({"IsTruncated", "KeyCount", "MaxKeys", "Name", "Prefix", "Contents", "CommonPrefixes"})


class ExactListing:
    """Lists one bucket, without retries. Its repr shows no credentials."""

    def __init__(
        self, bucket: str, prefix: str, endpoint: str, region: str, credentials: Any, timeout_seconds: float
    ) -> None:
        self._bucket = bucket
        self._base = f"{prefix}/" if prefix else ""
        self._endpoint = endpoint
        self._region = region
        self._credentials = credentials
        self._timeout_seconds = timeout_seconds

    def __repr__(self) -> str:
        return f"ExactListing({self._bucket!r}, {self._base!r})"

    def page(self, folder: str, after: str | None, token: str | None, *, recursive: bool) -> ListedPage:
        """The next page of `folder` (with a final slash, or empty), only keys greater than `after`.

        `token` comes from the previous page. Raises `ListingRefusedError`.
        """
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        request: dict[str, Any] = {"Bucket": self._bucket, "Prefix": self._base + folder, "MaxKeys": PAGE}
        request |= {} if recursive else {"Delimiter": "/"}
        request |= {"StartAfter": self._base + after} if after else {}
        request |= {"ContinuationToken": token} if token else {}
        try:
            return self._answer(request)
        except ClientError as error:
            raise ListingRefusedError(_refusal(error.response)) from None
        except (ResponseParserError, ValueError) as error:  # boto3 lets the error of an unreadable time through
            raise ListingRefusedError(f"invalid list response: {error}") from None
        except BotoCoreError as error:
            raise ListingRefusedError(str(error)) from None

    def body(self, key: str, most: int | None) -> tuple[bytes, dict[str, Any]]:
        """The body of an object that may come without its length, which obstore refuses, and boto3's answer.

        At most `most` + 1 bytes are read. Raises `ListingRefusedError`.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._base + key)
            with closing(answer["Body"]) as stream:
                return stream.read(None if most is None else most + 1), answer
        except ClientError as error:
            raise ListingRefusedError(_refusal(error.response)) from None
        except (BotoCoreError, ValueError) as error:
            raise ListingRefusedError(str(error)) from None

    def asked_pause(self, key: str | None) -> float:
        """Seconds for which a busy server wants no request, as it answers now (`Retry-After`); 0 if it does not say.

        obstore's errors lack the headers of an answer. `key`: the object to look at, None for the listing.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if key is None:
                self._listed(Bucket=self._bucket, MaxKeys=1)
            else:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._base + key, Range="bytes=0-0")
                answer["Body"].close()
        except ClientError as error:
            metadata: Any = error.response.get("ResponseMetadata", {})
            if metadata.get("HTTPStatusCode") in _BUSY:
                return seconds_until(metadata.get("HTTPHeaders", {}).get("retry-after", ""), datetime.now(UTC))
        except (BotoCoreError, ValueError, ListingRefusedError):
            return 0.0
        return 0.0

    def _answer(self, request: dict[str, Any]) -> ListedPage:
        """Request a page with percent-encoded keys, because XML cannot hold control characters.

        S3 confirms the encoding in its answer. If a server does not and a key has a %, the page is requested again
        without encoding.
        """
        from botocore.exceptions import ClientError
        from botocore.parsers import ResponseParserError

        coded = self._listed(**request, EncodingType="url")
        if not _OF_A_LISTING & set(coded):  # boto3 reads any well-formed page as an empty listing
            raise ListingRefusedError("invalid list response: it is no ListBucketResult")
        if coded.get("EncodingType") == "url":
            return _page(coded, len(self._base), unquote_plus)
        if not any("%" in key for key in _names(coded)):
            return _page(coded, len(self._base), str)
        try:
            return _page(self._listed(**request), len(self._base), str)
        except (
            ResponseParserError,
            ClientError,
        ):  # the plain keys are not valid XML, which boto3 reports as status 500
            return _page(coded, len(self._base), unquote)

    def _listed(self, **request: Any) -> Any:
        """One answer. Raises `ListingRefusedError` if it drips, and boto3's errors."""
        seconds, client = max(PAGE_SECONDS, self._timeout_seconds), self._client
        _, answer = on_a_thread(lambda: client.list_objects_v2(**request), "exact-listing")
        try:
            return answer.result(timeout=seconds)
        except TimeoutError:
            if answer.done():
                raise
            raise ListingRefusedError(f"timed out: no whole page within {seconds:g} s") from None

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config
        from botocore.handlers import set_list_objects_encoding_type_url

        logging.getLogger("botocore").setLevel(logging.INFO)  # at DEBUG it logs headers, among them the session token
        config = Config(
            s3={"addressing_style": "path"},
            connect_timeout=min(5.0, self._timeout_seconds),
            read_timeout=self._timeout_seconds,
            retries={"total_max_attempts": 1},
        )
        client = boto3.client(
            "s3",
            endpoint_url=self._endpoint,
            region_name=self._region,
            aws_access_key_id=self._credentials.key_id,
            aws_secret_access_key=self._credentials.secret,
            aws_session_token=self._credentials.token,
            config=config,
            verify=trusted_certificates() or True,
        )
        client.meta.events.unregister("before-parameter-build.s3.ListObjectsV2", set_list_objects_encoding_type_url)
        client.meta.events.register_last("before-parameter-build.s3", _stay_in_region)
        return client


def trusted_certificates() -> str | None:
    """The file of certificates that this machine trusts, which obstore reads; boto3 would take its own.

    `SSL_CERT_FILE` or that of the system; None where there is none.
    """
    paths = ssl.get_default_verify_paths()
    files = (paths.cafile, f"{paths.capath}/{BUNDLE}", f"/etc/ssl/certs/{BUNDLE}")
    return next((file for file in files if file and Path(file).is_file()), None)


def seconds_until(retry_after: str, now: datetime) -> float:
    """The header `Retry-After`, a number of seconds or a date, as seconds from `now`; 0 if it is neither."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())


def _stay_in_region(context: dict[str, Any], **_: Any) -> None:
    """Tell boto3 that it was redirected already: with some servers it would look for the region forever."""
    context.setdefault("s3_redirect", {})["redirected"] = True


def _refusal(response: Any) -> str:
    error, metadata = response.get("Error", {}), response.get("ResponseMetadata", {})
    region = error.get("Region") or metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region", "")
    where = f"<Region>{region}</Region>" if region else ""
    code, message = error.get("Code", ""), error.get("Message", "")
    # boto3 uses the status as the code if the answer has no body
    named = "" if code.isdigit() else f"<Code>{code}</Code>"
    return f"status code: {metadata.get('HTTPStatusCode', '')}\n{named}<Message>{message}</Message>{where}"


def _names(answer: Any) -> list[str]:
    objects, folders = answer.get("Contents", []), answer.get("CommonPrefixes", [])
    return [entry["Key"] for entry in objects] + [entry["Prefix"] for entry in folders]


def _page(answer: Any, base: int, decoded: Callable[[str], str]) -> ListedPage:
    objects = [
        ObjectInfo(
            decoded(entry["Key"])[base:], entry.get("ETag", "").strip('"'),
            max(entry.get("Size", UNKNOWN_SIZE), UNKNOWN_SIZE), entry.get("LastModified", _EPOCH),
        )
        for entry in answer.get("Contents", [])
    ]  # fmt: skip
    folders = [decoded(entry["Prefix"])[base:] for entry in answer.get("CommonPrefixes", [])]
    more = bool(answer.get("IsTruncated"))
    return ListedPage(objects, folders, answer.get("NextContinuationToken") if more else None, more)
