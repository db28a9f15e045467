"""CSV files as other programs write them."""

from pathlib import Path

import pytest

from pipeline.errors import DecisionError
from pipeline.steps.catalogue import read_catalogue

ROWS = [("de/1.jpg", "Größe, blau", "nacht; naß"), ("de/2.jpg", "Rot", "")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_encoding_separator_and_line_end_gives_the_same_rows(
    tmp_path: Path, encoding: str, separator: str, end: str
) -> None:
    lines = [("Key", "Cluster", "Tags"), *ROWS]
    text = end.join(separator.join(f'"{cell}"' for cell in line) for line in lines) + end + end
    file = tmp_path / "names.csv"
    file.write_bytes(text.encode(encoding))
    assert list(read_catalogue(file.read_bytes(), str(file))) == ROWS


def test_a_spreadsheet_may_name_its_separator_in_the_first_line(tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text("sep=;\nfilename;label\n1.jpg;Red, wet\n", encoding="utf-8")
    assert list(read_catalogue(file.read_bytes(), str(file))) == [("1.jpg", "Red, wet", "")]


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "it has nothing"), ("a,b\n1,2\n", "it has a, b"), ("key,tags\n", "a header and no rows"),
     ("key\nx\n", "one for its cluster")],
)  # fmt: skip
def test_a_file_that_says_nothing_is_refused_with_what_it_needs(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "names.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DecisionError, match=said):
        read_catalogue(file.read_bytes(), str(file))
