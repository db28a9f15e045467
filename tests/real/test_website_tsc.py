"""The website's data file in the real compiler: it is accepted under --strict, and says what was published.

Where the compiler cannot be installed the tests fail (`typescript.py`).
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.stages.published import document, website
from pipeline.stages.published.document import ImageRef
from tests.real.typescript import Completed, TypeScript, install, run_node
from tests.stages.published.library import GENERATED_AT, cluster, image, library

pytestmark = [pytest.mark.real, pytest.mark.slow]

HERE = Path(__file__).parent / "website"
NASTY = [
    "double \" and single ' and `backtick` and ${template}",
    "back\\slash \\u0041 \\",
    "line\nbreak\r\ttab\0nul",
    "\u2028 line and \u2029 paragraph separator",
    "\U0001f6a6 emoji and \U0001f1e9\U0001f1ea flag and a\u0301 accent",
    "</script><script>alert(1)</script> <!-- -->",
    "*/ // /* comment",
    "long " + "x" * 20_000,
    "\u202e right to left \u200f \ufeff",
    "__proto__",
]
# Uses the module as a website does; what is not assignable fails the compilation.
CONSUMER = """\
import {{ {constant}, type {interface} }} from "./{module}";
const first: {interface} | undefined = {constant}[0];
const country: string{null} | undefined = first?.representativeImage.country;
const seq: {image} | undefined = first?.representativeImage.seq;
const counts: number[] = {constant}.map((one) => one.countries.reduce((sum, each) => sum + each.images.length, 0));
const description: string | undefined = first?.description;
const aliases: string[] = {constant}.flatMap((one) => ("aliases" in one ? one.aliases as string[] : []));
export const used = [country, seq, counts, description, aliases, {constant}];
"""


def lone(key: str) -> ImageRef:
    return ImageRef(f"hash-of-{key}", key, None, key.rsplit("/", 1)[-1])


def documents() -> dict[str, dict[str, Any]]:
    """Category → document; each is a kind of library that a website may be given."""
    named = [
        cluster(f"c-{n}", image("de", str(n)), name=name, description=name, aliases=(f"old-{n}",) if n % 2 else ())
        for n, name in enumerate(NASTY)
    ]
    views = {
        "bollards": library(),
        "nasty": library(*named),
        "empty": library(clusters=(), unclustered=(), rejected=(), total_images=0),
        "unnamed-only": library(cluster("c-1", image("de", "1")), cluster("c-2", image("fr", "1"))),
        "no-countries": library(cluster("c-1", lone("no-countries/1"), lone("no-countries/2"), name="Loose")),
        "mixed": library(cluster("c-1", image("de", "1"), lone("mixed/7"), name="Half")),
        "hashes": library(cluster("c-1", image("de", "a3f"), image('north "sea"', "001"), name="Hash")),
        "2024 poles": library(cluster("c-1", image("de", "1"), name="Digit first")),
        "class": library(cluster("c-1", image("de", "1"), name="Reserved word")),
    }  # fmt: skip
    return {
        category: document.build_document(library(**{**view.__dict__, "category": category}), generated_at=GENERATED_AT)
        for category, view in views.items()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the settings of a strict website in it."""
    shutil.copy(HERE / "tsconfig.json", tmp_path)
    return tmp_path


def said(done: Completed) -> str:
    """What a program printed, which must have ended well."""
    assert done.returncode == 0, f"{done.args}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


def write(folder: Path, category: str, made: dict[str, Any]) -> tuple[str, str]:
    """The category's module and a program that uses it; returns the module's and the constant's name."""
    text = website.render_website(made)
    module = website.file_name(category).removesuffix(".ts")
    interface = website.interface_name(category)
    constant = interface[0].lower() + interface[1:] + "s"
    (folder / f"{module}.ts").write_text(text, encoding="utf-8")
    image_type = "number" if "seq: number" in text else "string"
    null = " | null" if "country: string | null" in text else ""
    program = CONSUMER.format(constant=constant, interface=interface, module=module, image=image_type, null=null)
    (folder / f"use-{module}.ts").write_text(program)
    return module, constant


def expected(made: dict[str, Any], *, numeric: bool) -> list[dict[str, Any]]:
    """What the website should get of a document, told without the code under test."""

    def number(identifier: str) -> int | str:
        return int(identifier) if numeric else identifier

    return [
        {
            "id": one["slug"],
            **({"aliases": one["aliases"]} if one["aliases"] else {}),
            "name": one["name"],
            **({"description": one["description"]} if one["description"] else {}),
            "representativeImage": {
                "country": one["representativeImage"]["country"],
                "seq": number(one["representativeImage"]["identifier"]),
            },
            "countries": [
                {"code": country["code"], "images": [number(each) for each in country["images"]]}
                for country in one["countries"]
            ],
        }
        for one in made["clusters"]
        if one["status"] == "active" and one["name"]
    ]


def test_every_kind_of_library_compiles_and_says_what_was_published(tsc: TypeScript, folder: Path) -> None:
    made = documents()
    modules = {category: write(folder, category, one) for category, one in made.items()}
    assert said(tsc(["--version"])).split() == [
        "Version",
        json.loads((HERE / "package.json").read_text())["devDependencies"]["typescript"],
    ]
    said(tsc(["--project", "."], cwd=folder))
    (folder / "out" / "package.json").write_text('{"type": "module"}')
    lines = [
        f"made.push((await import({json.dumps(f'./{module}.js')}))[{json.dumps(constant)}]);"
        for module, constant in modules.values()
    ]
    program = "\n".join(["const made = [];", *lines, "console.log(JSON.stringify(made));"])
    found = json.loads(said(run_node(["--input-type=module", "-e", program], cwd=folder / "out")))
    for (category, (module, _)), got in zip(modules.items(), found, strict=True):
        numeric = "seq: number" in (folder / f"{module}.ts").read_text(encoding="utf-8")
        assert got == expected(made[category], numeric=numeric), category
    assert expected(made["empty"], numeric=True) == expected(made["unnamed-only"], numeric=True) == []
    assert [one["name"] for one in expected(made["nasty"], numeric=True)] == NASTY


def test_the_compiler_does_refuse_what_is_wrong(tsc: TypeScript, tmp_path: Path) -> None:
    """Without this a compiler that checks nothing would pass the test above."""
    text = website.render_website(documents()["bollards"]).replace("seq: 10", 'seq: "10"')
    (tmp_path / "bollards-clusters.ts").write_text(text, encoding="utf-8")
    done = tsc(["--strict", "--noEmit", "--skipLibCheck", "bollards-clusters.ts"], cwd=tmp_path)
    assert done.returncode != 0
    assert "Type 'string' is not assignable to type 'number'" in done.stdout


def test_where_npm_cannot_install_the_compiler_the_check_fails_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "empty"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(pytest.fail.Exception, match="Let npm reach a registry"):
        install(tmp_path)


def test_no_file_beside_this_test_names_a_registry() -> None:
    assert sorted(path.name for path in HERE.iterdir()) == ["package.json", "tsconfig.json"]
    assert all("://" not in path.read_text() for path in HERE.iterdir())
