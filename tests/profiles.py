"""ICC profiles made in memory, since no package ships one of a phone or a camera.

What belongs here: the bytes of small matrix profiles. Not here: what becomes of their pictures
(`tests/stages/images/test_colour.py`).
"""

import struct

import numpy as np

# Primaries in XYZ under D50, the columns of the matrix (ICC specification; Display P3 and Adobe RGB 1998)
DISPLAY_P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
ADOBE_RGB = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
_D50 = (0.96420, 1.0, 0.82491)


def rgb_profile(primaries: np.ndarray, *, name: str = "wide", gamma: float = 2.2) -> bytes:
    """A matrix profile (ICC 2) of these primaries, float [3, 3], with one gamma for all channels."""
    tags = {
        b"desc": _described(name), b"cprt": b"text\0\0\0\0none\0", b"wtpt": _xyz(_D50),
        b"rXYZ": _xyz(primaries[:, 0]), b"gXYZ": _xyz(primaries[:, 1]), b"bXYZ": _xyz(primaries[:, 2]),
        b"rTRC": _gamma(gamma), b"gTRC": _gamma(gamma), b"bTRC": _gamma(gamma),
    }  # fmt: skip
    return _profile(b"RGB ", tags)


def grey_profile(gamma: float) -> bytes:
    """A profile of grey values (ICC 2) with this gamma."""
    return _profile(b"GRAY", {b"desc": _described("grey"), b"wtpt": _xyz(_D50), b"kTRC": _gamma(gamma)})


def _profile(colours: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        padded = data + b"\0" * (-len(data) % 4)
        table += name + struct.pack(">II", start + len(body), len(data))
        body += padded
    header = struct.pack(
        ">I4sI4s4s4s12s4s4sIII8sI12s4s44s", start + len(body), b"\0" * 4, 0x02100000, b"mntr", colours, b"XYZ ",
        struct.pack(">6H", 2026, 1, 1, 0, 0, 0), b"acsp", b"\0" * 4, 0, 0, 0, b"\0" * 8, 0, _numbers(_D50), b"\0" * 4,
        b"\0" * 44,
    )  # fmt: skip
    return header + struct.pack(">I", len(tags)) + table + body


def _numbers(values: "tuple[float, ...] | np.ndarray") -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


def _xyz(values: "tuple[float, ...] | np.ndarray") -> bytes:
    return b"XYZ \0\0\0\0" + _numbers(values)


def _gamma(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def _described(name: str) -> bytes:
    text = name.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * 78
