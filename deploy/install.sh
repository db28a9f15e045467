#!/bin/sh
# Install the locked packages into $VIRTUAL_ENV: install.sh VARIANT [--extra NAME]...
# cuda: exactly what requirements.lock says. cpu: torch and torchvision in the same versions, from PyTorch's own index of
# CPU builds, which uv knows; their hashes are not in the lock. That leaves out 4 GB of NVIDIA's libraries.
# lean: no torch at all; the packaged encoders alone.
set -eu
variant=$1
shift
uv=/opt/uv/bin/uv

# the backend that builds our own wheel, in the locked version
version() { sed -n "s/^$1==\([^ ]*\).*/\1/p" requirements.lock; }
"$uv" pip install --quiet --no-cache --python /opt/uv/bin/python "hatchling==$(version hatchling)"

case $variant in
  lean) cp requirements.lock constraints.txt ;;
  cpu)
    set -- --extra torch "$@"
    "$uv" pip install --quiet --no-cache --torch-backend cpu "torch==$(version torch)" "torchvision==$(version torchvision)"
    # a package's entry: its line, and the indented ones below it
    awk '/^[A-Za-z0-9]/ { torch = /^(torch|torchvision)==/ } !torch' requirements.lock > constraints.txt
    ;;
  cuda)
    set -- --extra torch "$@"
    cp requirements.lock constraints.txt
    ;;
  *)
    echo "VARIANT is $variant; it is lean, cpu or cuda." >&2
    exit 2
    ;;
esac
"$uv" pip install --quiet --no-cache --constraints constraints.txt "$@" -r pyproject.toml
