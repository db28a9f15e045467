"""Sentences that other parts of the product say in English are recognised, and said in the language of the reader."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.curation import decisions as d
from pipeline.curation.checks import checked
from pipeline.curation.events import Event
from pipeline.curation.replay import replay
from pipeline.curation.review import raise_flags
from pipeline.errors import ImageClusterError
from pipeline.service.page import language
from pipeline.service.page.said import called, for_scripts, said
from pipeline.service.page.sentences import SAID
from pipeline.settings import ImageParams
from pipeline.stages.images.decode import Rejected, decode
from pipeline.stages.published.news import headline
from pipeline.steps.library_view.history import describe
from tests.curation.library import TWO, events
from tests.service.site import Client

BOX = (0.1, 0.2, 0.3, 0.4)
DECISIONS: list[d.Decision] = [
    d.Rename(cluster="c-1", name="Birds in “quotes” to c-2"), d.Rename(cluster="c-1", name=None),
    d.Describe(cluster="c-1", description="long"), d.Describe(cluster="c-1", description=None),
    d.SetStatus(cluster="c-1", status="hidden"), d.SetStatus(cluster="c-1", status="unusable"),
    d.Review(cluster="c-1"), d.Merge(clusters=("c-1", "c-2"), into="c-3"),
    d.Split(cluster="c-1", images=("a",), new_cluster="c-2", name="Off"),
    d.Split(cluster="c-1", images=("a", "b"), new_cluster="c-2"),
    d.Create(images=("a", "b"), new_cluster="c-2", name="New"), d.Create(images=("a",), new_cluster="c-2"),
    d.Move(images=("a",), to="c-2", clusters=("c-1", "c-3")), d.Move(images=("a",), to="c-2"),
    d.Move(images=("a",), to=None, clusters=("c-1",)), d.Move(images=("a",), to=None),
    d.Exclude(images=("a",), clusters=("c-1",)), d.Exclude(images=("a", "b")), d.Include(images=("a",)),
    d.ChooseRepresentative(cluster="c-1", image="a"), d.ChooseRepresentative(cluster="c-1", image=None),
    d.Tag(images=("a",), tag="wet"), d.Untag(images=("a",), tag="wet"), d.Note(cluster="c-1", text="one\ntwo"),
    d.Pair(a="a", b="b", same=True), d.Pair(a="a", b="b", same=False), d.KeepBoth(images=("a", "b")),
    d.Granularity(value="fine"), d.Granularity(value=None), d.Encoder(spec="packaged:efficientnet_lite0_gem"),
    d.Encoder(spec=None), d.WrongBox(image="a", source="ab", box=BOX),
    d.WrongBox(image="a", source="ab", box=BOX, clusters=("c-1",)), d.AddBox(source="ab", box=BOX),
    d.AddBox(source="ab", box=BOX, label="post"), d.SaveView(name="v", address="find?tag=a"),
    d.SaveView(name="v", address=None), d.Undo(event=7),
]  # fmt: skip


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    language.speak("en")


def german(text: str) -> str:
    language.speak("de")
    shown = said(text)
    language.speak("en")
    return shown


def sentence(decision: d.Decision) -> str:
    return describe(Event(1, "t", "ann", decision, None, {}))


@pytest.mark.parametrize("decision", DECISIONS, ids=sentence)
def test_every_decision_is_said_in_both_languages_and_the_english_is_unchanged(decision: d.Decision) -> None:
    text = sentence(decision)
    assert said(text) == text
    assert german(text) != text
    assert "{" not in german(text)


def test_no_kind_of_decision_is_left_out() -> None:
    assert {one.kind for one in DECISIONS} == set(d.KINDS)


def test_names_and_numbers_stand_where_the_sentence_has_them() -> None:
    assert german("split 1 image off c-1 as “Off to c-9” c-2") == "spaltete 1 Bild von c-1 ab, als „Off to c-9“ c-2"
    assert german("moved 1200 images from c-1, c-3 to c-2") == "verschob 1.200 Bilder von c-1, c-3 nach c-2"
    assert german("moved 1 image from c-1 to unclustered") == "nahm 1 Bild aus c-1 heraus"
    assert german("set c-1 to hidden") == "setzte c-1 auf „verborgen“"


def test_reasons_for_a_review_and_what_waits_in_them() -> None:
    curated = replay(TWO, events(d.Rename(cluster="a", name="Red"), d.Rename(cluster="gone", name="Old")))
    fates: list[dict[str, tuple[str, tuple[str, ...]]]] = [
        {"b": ("born", ("a",)), "a": ("split", ("a",))}, {"b": ("born", ())}, {"a": ("merged", ("b",))}
    ]  # fmt: skip
    found = {waiting.reason for waiting in curated.waiting}
    for one in fates:
        flags = raise_flags(curated, one, died=["a"], named=["a", "b"], run="r", first_run=False, new_size=1)
        found |= {flag.text for flag in flags}
    assert len(found) == 6
    assert {text for text in found if german(text) == text} == set()
    assert german("a decision waits: the name “Old”: cluster c-1 is not there; of its images 3 in c-2 now") == (
        "eine Entscheidung wartet: der Name „Old“: den Cluster c-1 gibt es nicht;"
        " von seinen Bildern sind jetzt 3 in c-2"
    )
    assert german("12 images came and 3 went since it was reviewed (60%)").startswith("12 Bilder kamen und 3 gingen")


def test_every_phase_that_a_run_tells_of_has_a_sentence() -> None:
    """Phases are written where they are told, and shown on the page."""
    names = ("ingest_pass.py", "crops.py", "detected.py", "lost_contents.py")
    steps = [Path("pipeline/steps") / name for name in names]
    texts = " ".join(path.read_text() for path in [*steps, Path("pipeline/service/worker.py")])
    phases = {re.sub(r"\{[^}]*\}", "x", one) for one in re.findall(r'progress\(f?"([^"]+)"', texts)}
    phases |= {"embed x", "read x"}
    assert "x x" in phases  # that of ingest, whose words are the two above
    assert {one for one in phases - {"x x"} if german(one) == one} == set()


def news(before: dict[str, int], **after: int) -> str:
    """A headline, of clusters `before` and `after` a change by the image counts."""
    fates = ("grown", "shrunk", "born", "merged", "split", "died", "revived", "kept")
    summary = dict.fromkeys((*fates, "imagesAdded", "imagesRemoved", "imagesMoved"), 0) | before | after
    reviews: list[dict[str, Any]] = [{"reviewReason": "is new", "sizeAfter": 3}, {"reviewReason": None, "sizeAfter": 4}]
    return headline({"summary": summary, "category": "my posts", "previousGeneratedAt": "t", "clusters": reviews})


def test_headlines_of_what_was_published() -> None:
    text = news({"imagesMoved": 8, "imagesAdded": 1200, "grown": 1, "shrunk": 2, "born": 1, "died": 3}, kept=7)
    assert text.startswith("In my posts, 1200 images came and 8 images moved; 1 cluster grew, 2 shrank, 1 was born and")
    assert said(text) == text
    assert german(text) == (
        "my posts: 1.200 Bilder gekommen, 8 Bilder gewechselt; 1 Cluster gewachsen, 2 geschrumpft, 1 neu, 3 beendet; "
        "7 geblieben; 1 zu prüfen."
    )
    assert german("In my posts, 12 clusters got a name and 1 cluster got another name; 7 were kept.") == (
        "my posts: 12 Cluster benannt, 1 Cluster umbenannt; 7 geblieben."
    )
    assert german(news({}, kept=7)) == ("In my posts hat sich nichts geändert: 7 Cluster wie zuvor; 1 zu prüfen.")
    first = "“all” is published for the first time: 606 of 633 images are in 11 clusters."
    assert german(first) == "„all“ ist zum ersten Mal veröffentlicht: 633 Bilder, davon 606 in Clustern (11 Cluster)."


def test_a_category_that_reads_like_a_word_stands_in_the_quotes_of_the_language() -> None:
    language.speak("de")
    assert (called("all"), called("posts")) == ("„all“", "posts")
    assert said("“all” was never published. Run it first.").startswith("„all“ ")


def test_no_clause_of_a_headline_is_left_out() -> None:
    counts = [{fate: n} for fate in ("grown", "shrunk", "born", "merged", "split", "died", "revived") for n in (1, 2)]
    counts += [{images: 1} for images in ("imagesAdded", "imagesRemoved", "imagesMoved")]
    assert [
        text for one in counts if re.search("came|left|grew|born|split|back|were|was", german(text := news(one)))
    ] == []


def test_reasons_why_files_were_set_aside() -> None:
    picture = io.BytesIO()
    Image.new("RGB", (900, 900)).save(picture, "PNG")
    small = ImageParams(max_megapixels=0.5)
    files = [b"", b"%PDF-1.4", b"<html>", b"some text", b"\0\1\2\3", picture.getvalue()[:200], picture.getvalue()]
    reasons = [found.reason for one in files if isinstance(found := decode(one, small), Rejected)]
    assert len(reasons) == len(files)
    assert [text for text in reasons if german(text) == text] == []
    assert german("This is text.") == "Dies ist Text."


def test_what_the_service_refuses_of_what_the_page_asks() -> None:
    curated = replay(TWO, events())
    one = next(iter(curated.clusters.values()))
    wrong = [
        d.Merge(clusters=(one.id,), into=one.id), d.Merge(clusters=("c-none", one.id), into=one.id),
        d.Split(cluster=one.id, images=tuple(one.members), new_cluster="c-2"),
        d.Split(cluster=one.id, images=("elsewhere",), new_cluster="c-2"),
        d.ChooseRepresentative(cluster=one.id, image="elsewhere"),
    ]  # fmt: skip
    texts: list[str] = []
    for decision in wrong:
        with pytest.raises(ImageClusterError) as refused:
            checked(decision, curated)
        texts.append(str(refused.value))
    assert [text for text in texts if german(text) == text] == []


def test_refusals_about_encoders_uploads_views_and_a_full_disk_are_said(shared: Client) -> None:
    encoder = shared.service.project.settings.encoder.spec
    asked = [
        shared.post("/categories/bollards/encoder/compare", json={"spec": "packaged:none"}),
        shared.post("/categories/bollards/encoder/compare", json={"spec": encoder}),
        shared.post("/categories/bollards/views", json={"name": "wet", "address": "../admin"}),
        shared.delete("/categories/bollards/views/wet"),
        shared.post("/similarity/find", json={"text": "a red post"}),
        shared.post("/images", data={"category": "bollards"}, files=[("files", ("a.txt", b"text"))]),
        shared.get("/categories/bollards/compare"),
    ]
    texts = [answer.json()["detail"] for answer in asked]
    assert all(answer.status_code in (404, 409, 422) for answer in asked), texts
    texts += [
        "The request body is too large. The limits are in the settings, section service.",
        "The disk is full: no space for /data/x. Free some, then try again.",
        "The encoder packaged:x is still loading. Try again soon.",
    ]
    assert [text for text in texts if german(text) == text] == []


def test_what_nothing_has_made_stays_as_it_is() -> None:
    assert german("The disk is on fire.") == "The disk is on fire."


def test_scripts_recognise_the_same_sentences() -> None:
    assert {text for text, _ in for_scripts()} == set(SAID)
    words = (language.script("de", for_scripts()) or b"").decode()
    catalogue = json.loads(words.removeprefix("globalThis.WORDS=").strip().removesuffix(";"))
    assert len(catalogue["@said"]) == len(SAID)
    assert all("(?P" not in pattern for _, pattern in catalogue["@said"])
