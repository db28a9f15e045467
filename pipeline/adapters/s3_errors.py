"""S3 errors → our errors: their class, what happened, and what to do about it.

What belongs here: parsing the texts and codes of errors. Not here: making requests (`s3_requests.py`), retries
(`patience.py`).
"""

import re
from typing import NamedTuple

from pipeline.errors import BucketError, BucketUnreachableError, ImageClusterError, ObjectMissingError

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([^<]{1,80})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,200})")
_REGION = re.compile(r"<Region>([a-z0-9-]{2,40})</Region>|expecting '([a-z0-9-]{2,40})'")
_CLOCK = "The clock of this machine is wrong: set it, best by NTP."
_EXPIRED = "The credentials have expired: get new ones into the environment, and run again."
_REMEDIES = {
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _CLOCK,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "InvalidToken": "Check AWS_SESSION_TOKEN in the environment: it is no token of these credentials.",
    "InvalidBucketName": "Correct the bucket's name in the url.",
    "InvalidRegionName": "Set source.region to one that the server names.",
}
_ELSEWHERE = frozenset(
    {"PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_TRANSIENT_STATUS = frozenset({408, 409, 425, 429})
# some servers send these codes with status 400 or 403
_TRANSIENT_CODES = frozenset(
    {
        "InternalError", "OperationAborted", "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException",
        "RequestTimeout", "RequestTimeoutException", "ServiceUnavailable", "SlowDown", "Throttling",
        "ThrottlingException", "ThrottledException", "TooManyRequests", "TooManyRequestsException",
    }
)  # fmt: skip
_PERMANENT_STATUS = frozenset({501, 505})
# what obstore and boto3 say of a certificate that they refuse → what is wrong with it, and the remedy
_CERTIFICATES = {
    r"UnknownIssuer|self.signed certificate|unable to get (local )?issuer": "is not trusted. Correct the endpoint, or "
    "let this machine trust it: set SSL_CERT_FILE to a file with the certificate of its authority.",
    r"NotValidForName|doesn't match|mismatch": "is for another host. Name the host in the endpoint as it does.",
    r"Expired|has expired": f"has expired. Renew it on the server. {_CLOCK.replace('is wrong:', 'may be wrong too:')}",
    r"NotValidYet|not yet valid": f"is not valid yet. {_CLOCK}",
    "CaUsedAsEndEntity": "is that of an authority (CA:TRUE), which no server may use. Give it one that it signed.",
}
# errors of one object: archived, or encrypted with a key that we do not have
_UNUSABLE = re.compile(
    r"<Code>(InvalidObjectState|KMS\.\w+|InvalidEncryption\w*)</Code>|[Ss]erver [Ss]ide [Ee]ncryption"
)


class BusyError(BucketUnreachableError):
    """The server answered but cannot serve the request now: throttling or an internal error."""


class _Answer(NamedTuple):
    status: int | None
    code: str
    message: str

    @classmethod
    def of(cls, text: str) -> "_Answer":
        status, code, message = (
            match[1] if (match := pattern.search(text)) else "" for pattern in (_STATUS, _CODE, _MESSAGE)
        )
        return cls(int(status) if status else None, code, message)

    def __str__(self) -> str:
        return ", ".join(str(part) for part in self if part)

    @property
    def is_transient(self) -> bool:
        if self.status is None:
            return False
        passing = self.status >= 500 and self.status not in _PERMANENT_STATUS
        return passing or self.status in _TRANSIENT_STATUS or self.code in _TRANSIENT_CODES


def is_unexplained(text: str) -> bool:
    """Whether a refusal has no reason: responses to HEAD have no body, and obstore hides the body of a redirect."""
    answer = _Answer.of(text)
    refused = answer.status is not None and answer.status != 404 and not answer.is_transient
    return "Received redirect" in text or (refused and not answer.code)


def is_no_connection(text: str) -> bool:
    """Whether a server could not be reached at all."""
    return _network_reason(text) in ("connection refused", "the host's name is not known")


def is_incomplete_entry(first: str) -> bool:
    """Whether a listing is refused because it does not say all of an object, which the exact listing can do without."""
    return "invalid list response: missing field" in first or "invalid list response: invalid type" in first


def has_reason(text: str) -> bool:
    """Whether an error names a code of S3."""
    return bool(_Answer.of(text).code)


def meaning(text: str, first: str, *, one_object: bool, region: str) -> tuple[type[ImageClusterError], str]:
    """The class of an error, and a text with its cause and remedy. `first` is the first line of `text`."""
    answer = _Answer.of(text)
    if answer.status is not None:
        return _explain_answer(answer, text, one_object=one_object, region=region)
    if "not found" in first:
        return ObjectMissingError, ""
    if "invalid list response" in first or "redirect" in first.lower():
        return BucketError, f"that is no S3 answer ({first}). Check the endpoint and the region ({region})."
    if "ETag Header missing" in first:
        return BucketError, "that is no S3 server, its answer has no ETag. Check the endpoint and the network."
    if "certificate" in text.lower():
        other = "was refused. Correct the endpoint, or give the server another one."
        said = next((said for sign, said in _CERTIFICATES.items() if re.search(sign, text)), other)
        return BucketError, f"the server's certificate {said}"
    reason = _network_reason(text)
    slow = " Where the server is slow, raise source.timeout_seconds." if reason == "timed out" else ""
    return BucketUnreachableError, f"no answer ({reason}). Check the network and the endpoint, or try later.{slow}"


def _explain_answer(
    answer: _Answer, text: str, *, one_object: bool, region: str
) -> tuple[type[ImageClusterError], str]:
    if answer.code == "NoSuchBucket" or (answer.status == 404 and not one_object):
        return BucketError, f"there is no such bucket ({answer}). Correct the url or the endpoint."
    if answer.status == 404:
        return ObjectMissingError, ""
    if answer.is_transient:
        return BusyError, f"the server is in trouble ({answer}). Try later."
    if one_object and _UNUSABLE.search(text):
        return ObjectMissingError, f"the object is archived or encrypted ({answer}). Restore it, or leave it out."
    return BucketError, _refusal(answer, text, region)


def _refusal(answer: _Answer, text: str, region: str) -> str:
    there = _REGION.search(text)
    if answer.code in _ELSEWHERE or (there is not None and answer.status in (301, 307, 400)):
        name = (there[1] or there[2]) if there is not None else "it"
        elsewhere = f"The bucket is in another region than {region}: set source.region to {name}."
        return f"the server refused ({answer}). {elsewhere}"
    if answer.status in (401, 403):
        remedy = _REMEDIES.get(answer.code, "Check the access key and secret, and what they may do.")
        return f"access refused ({answer}). {remedy}"
    remedy = _REMEDIES.get(answer.code, f"Check endpoint, region ({region}) and credentials.")
    return f"the server refused ({answer}). {remedy}"


def _network_reason(text: str) -> str:
    """The network error, extracted from obstore's debug output, its only source."""
    reasons = {
        "ConnectionRefused": "connection refused", "Could not connect": "connection refused",
        "dns error": "the host's name is not known", "failed to lookup": "the host's name is not known",
        "TimedOut": "timed out", "timed out": "timed out", "kind: Timeout": "timed out", "Read timeout": "timed out",
        "Connect timeout": "timed out", "ConnectionReset": "connection reset",
        "IncompleteMessage": "the connection broke off", "Connection was closed": "the connection broke off",
        "response body error": "the connection broke off in the middle of the answer",
        "Content-Length Header missing": "the answer does not say its length",
        "InvalidContentType": "that is no HTTPS server", "corrupt message": "that is no HTTPS server",
    }  # fmt: skip
    unknown = text.split("\n", 1)[0].rsplit(" - ", 1)[-1][:120]
    return next((plain for sign, plain in reasons.items() if sign in text), unknown)
