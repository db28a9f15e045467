"""An S3 server behind TLS whose certificate is not trusted, is trusted by a setting of the machine, or is wrong."""

import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipeline.cli import main
from tests.fake_s3 import FakeS3, fake_s3
from tests.real.s3_library import GOOD

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


def certificate(folder: Path, *, host: str = "127.0.0.1", days: float = 1, itself: bool = False) -> Path:
    """A certificate for an address, with its key, and beside it that of its authority, `ca.pem`.

    `days`: how long from now it is valid. `itself`: it is its own authority, as of `openssl req -x509`.
    """
    own, authority = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _signed("authority", authority, "authority", authority, ca=True)
    made = _signed("server", authority if itself else own, "authority", authority, ca=itself, host=host, days=days)
    key = (authority if itself else own).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(root)
    (folder / "server.pem").write_bytes(key + made)
    return folder / "server.pem"


def _signed(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, by: ec.EllipticCurvePrivateKey,
    *, ca: bool, host: str = "127.0.0.1", days: float = 1,
) -> bytes:  # fmt: skip
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().public_key(key.public_key()).serial_number(x509.random_serial_number())
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .not_valid_before(now - timedelta(days=9)).not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(by, hashes.SHA256())
    )  # fmt: skip
    return made.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    monkeypatch.chdir(tmp_path)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with fake_s3(GOOD) as made:
        for name, value in made.server.environment.items():
            monkeypatch.setenv(name, value)
        yield made


def secure(s3: FakeS3, file: Path) -> str:
    """The endpoint, from now on with TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    s3.socket = context.wrap_socket(s3.socket, server_side=True, do_handshake_on_connect=False)
    return s3.server.endpoint.replace("http://", "https://")


def call(endpoint: str, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "s3://pics", "--endpoint-url", endpoint, "--out", "data"])


def told(done: Result) -> str:
    """The one line that says what is wrong."""
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert "Traceback" not in done.output
    (line,) = [line for line in done.output.splitlines() if "certificate" in line]
    return line


@pytest.mark.parametrize("command", ["check", "run"])
def test_an_untrusted_certificate_ends_a_command_in_one_line_with_what_to_do(
    s3: FakeS3, tmp_path: Path, command: str
) -> None:
    line = told(call(secure(s3, certificate(tmp_path)), command))
    assert "the server's certificate is not trusted" in line
    assert "SSL_CERT_FILE" in line
    assert s3.counts == {}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"days": -1}, "has expired. Renew it"),
        ({"host": "127.0.0.9"}, "is for another host. Name the host"),
        ({"itself": True}, "is that of an authority (CA:TRUE)"),
    ],
    ids=["expired", "another host", "its own authority"],
)
def test_a_certificate_that_is_wrong_although_it_is_trusted_is_told_in_one_line(
    s3: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any], says: str
) -> None:
    endpoint = secure(s3, certificate(tmp_path, **wrong))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert says in told(call(endpoint, "run"))


@pytest.mark.parametrize("odd", [False, True], ids=["obstore", "the slower listing"])
def test_a_certificate_that_this_machine_is_told_to_trust_is_trusted_by_every_request(
    s3: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, odd: bool
) -> None:
    if odd:
        s3.objects["posts//odd.png"] = b"x"
    endpoint = secure(s3, certificate(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    done = call(endpoint, "download", "--to", "copied")
    assert done.exit_code == 0, done.output
    assert len(list(Path("copied").rglob("*.png"))) == len(GOOD)
