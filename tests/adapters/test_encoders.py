"""What must hold of encoders: the reference's vectors, honest errors, a cache that cannot lie, and silence."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.adapters.encoders import packaged, registry, runtime
from pipeline.adapters.encoders.ircache import Card, ModelCache
from pipeline.adapters.encoders.preprocess import Preprocessing, checked
from pipeline.adapters.encoders.registry import (
    Spec,
    open_encoder,
    open_source,
    parse_spec,
    spec_identity,
)
from pipeline.errors import EncoderError, UnknownNameError
from pipeline.settings import ImageParams
from pipeline.stages.embeddings.encoder import Encoder
from pipeline.stages.embeddings.stream import stream
from tests.adapters.timm_names import renamed
from tests.odd_images import encoded, photograph

LITE0 = "packaged:efficientnet_lite0"
SHAPES = [(400, 300), (301, 457), (60, 41), (256, 256), (1000, 130)]  # landscape, portrait, tiny, square, wide
PROCESSORS_OWN = runtime._precision  # kept before tests put full precision in its place
PHOTOGRAPHS = [photograph(*shape, seed=number) for number, shape in enumerate(SHAPES)]


@pytest.fixture(scope="module", autouse=True)
def full_precision() -> Iterator[None]:
    """Float32 on every processor: what is compared with a reference must not depend on the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "_precision", lambda: "f32")
        yield


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoders")


@pytest.fixture(scope="module")
def lite0(cache: Path) -> Encoder:
    return open_encoder(LITE0, device="cpu", cache_dir=cache)


def vectors(encoder: Encoder) -> np.ndarray:
    return encoder.encode(np.stack([encoder.prepare(pixels) for pixels in PHOTOGRAPHS]))


def reference(transform: Callable[[Image.Image], Any], model: Callable[[Any], Any]) -> np.ndarray:
    """The library's own way: one by one, Pillow's resizing, float32, torch."""
    import torch

    with torch.inference_mode():
        rows = [model(transform(Image.fromarray(pixels))[None])[0].double().numpy() for pixels in PHOTOGRAPHS]
    return np.stack([row / np.linalg.norm(row) for row in rows])


def cosines(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    return (ours.astype(np.float64) * theirs).sum(1)


def timm_lite(name: str) -> Any:
    import timm
    import torch

    model: Any = timm.create_model(f"tf_{name}", pretrained=False)
    weights = packaged.source(f"packaged:{name}", name).weights
    assert weights is not None
    state = torch.load(weights, weights_only=True)
    model.load_state_dict(renamed(state, [len(stage) for stage in model.blocks]))
    return model.eval()


def reference_lite(name: str) -> np.ndarray:
    from torchvision.transforms import v2

    model = timm_lite(name)
    size = packaged.SIZES[name]
    transform = v2.Compose([
        v2.Resize(size + 32, interpolation=v2.InterpolationMode.BICUBIC), v2.CenterCrop(size), v2.PILToTensor(),
        v2.Lambda(lambda pixels: (pixels.float() - 127) / 128),
    ])  # fmt: skip
    return reference(transform, lambda images: model.forward_features(images).mean((2, 3)))


def test_packaged_vectors_are_those_of_the_reference_transform_and_model(lite0: Encoder) -> None:
    ours = vectors(lite0)
    assert ours.dtype == np.float32
    assert ours.shape == (len(SHAPES), lite0.dimension) == (len(SHAPES), 1280)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-6)
    assert cosines(ours, reference_lite("efficientnet_lite0")).min() > 0.9999
    assert (ours @ ours.T)[~np.eye(len(ours), dtype=bool)].max() < 0.999  # and they tell images apart


@pytest.mark.parametrize("name", packaged.SIZES)
def test_packaged_networks_give_timms_numbers_to_the_last_bit(name: str) -> None:
    import torch

    size = packaged.SIZES[name]
    images = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, size, size)).astype(np.float32))
    with torch.inference_mode():
        ours = packaged.source(f"packaged:{name}", name).load().module(images)
        theirs = timm_lite(name).forward_features(images).mean((2, 3))
    assert torch.equal(ours, theirs)


def test_gem_is_the_generalised_mean_of_timms_feature_map_and_has_a_fingerprint_of_its_own(
    lite0: Encoder, tmp_path: Path
) -> None:
    import torch

    gem = open_encoder("packaged:efficientnet_lite0_gem", device="cpu", cache_dir=tmp_path)
    assert gem.dimension == lite0.dimension
    assert gem.fingerprint != lite0.fingerprint
    images = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 224, 224)).astype(np.float32))
    with torch.inference_mode():
        ours = packaged.source(gem.name, "efficientnet_lite0_gem").load().module(images)
        theirs = (timm_lite("efficientnet_lite0").forward_features(images) ** 3).mean((2, 3)) ** (1 / 3)
    torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=1e-4)
    assert cosines(vectors(gem), vectors(lite0)).max() < 0.99


@pytest.mark.parametrize("name", packaged.NAMES)
def test_a_packaged_graph_gives_the_numbers_of_the_converted_module_to_the_last_bit(name: str) -> None:
    """So that vectors of a library made before go on beside new ones."""
    source = packaged.source(f"packaged:{name}", name)
    assert source.build is not None
    loaded, built = source.load(), source.build()
    side, _ = loaded.preprocessing.crop
    batch = np.random.default_rng(0).integers(0, 256, (3, 3, side, side), np.uint8)
    converted = runtime.convert(runtime.with_normalisation(loaded.module, loaded.preprocessing), (side, side))
    ours, theirs = (runtime.OpenVinoRunner(model, 1).run(batch) for model in (built.model, converted))
    np.testing.assert_array_equal(ours, theirs)


def test_a_packaged_encoder_opens_without_torch(tmp_path: Path) -> None:
    """Importing torch and converting took two seconds, at the first run on each machine."""
    code = (
        "import sys; from pathlib import Path; from pipeline.adapters.encoders.registry import open_encoder;"
        "open_encoder('packaged:efficientnet_lite0', device='cpu', cache_dir=Path(sys.argv[1]));"
        "print('torch' in sys.modules, 'timm' in sys.modules, 'torchvision' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    for _ in range(2):  # the second start reads the stored model
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "False False False"


def test_the_precision_that_suits_the_processor_gives_nearly_the_same_vectors(
    lite0: Encoder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "_precision", PROCESSORS_OWN)
    quick = open_encoder(LITE0, device="cpu", cache_dir=cache)
    assert quick.fingerprint == lite0.fingerprint
    assert cosines(vectors(quick), vectors(lite0).astype(np.float64)).min() > 0.99  # 0.9963 with bf16


def test_two_runs_and_any_batch_give_the_same_bits(lite0: Encoder) -> None:
    together = vectors(lite0)
    alone = np.concatenate([lite0.encode(lite0.prepare(pixels)[None]) for pixels in reversed(PHOTOGRAPHS)])[::-1]
    np.testing.assert_array_equal(together, vectors(lite0))
    np.testing.assert_array_equal(together, alone)


def test_a_stream_through_a_real_model_keeps_images_and_vectors_together(lite0: Encoder) -> None:
    files = [encoded(pixels, "PNG") for pixels in PHOTOGRAPHS]
    files.insert(2, b"not an image")
    outcomes = list(stream(
        enumerate(files), image_params=ImageParams(), encoder=lite0, batch_size=2, threads=2, thumbnail_pixels=None
    ))  # fmt: skip
    ours = [outcome.vector for outcome in outcomes if outcome.vector is not None]
    assert [outcome.token for outcome in outcomes if outcome.vector is None] == [2]
    np.testing.assert_array_equal(np.stack(ours), vectors(lite0))


def test_a_second_start_reads_the_converted_model_and_gives_the_same_bits(
    lite0: Encoder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_load_and_convert", lambda *_: pytest.fail("it was converted again"))
    again = open_encoder(LITE0, device="cpu", cache_dir=cache)
    assert (again.fingerprint, again.dimension, again.device) == (lite0.fingerprint, lite0.dimension, lite0.device)
    np.testing.assert_array_equal(vectors(again), vectors(lite0))


def test_the_torch_runner_agrees_with_openvino(lite0: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "convert", lambda *_: None)  # as for a model that OpenVINO cannot express
    encoder = open_source(replace(registry.encoder_source(LITE0), build=None), device="cpu")
    assert encoder.device == "CPU (torch, fp32)"
    assert encoder.fingerprint == lite0.fingerprint
    assert cosines(vectors(encoder), vectors(lite0)).min() > 0.99999


def tiny_clip(folder: Path, **vision: Any) -> str:
    """A spec of a small open_clip model with random weights, saved as a checkpoint."""
    import open_clip
    import torch

    config = {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16, **vision},
        "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1},
    }
    name = f"tiny-{folder.name}"
    (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    torch.manual_seed(0)
    torch.save(open_clip.create_model(name).state_dict(), folder / "weights.pt")
    return f"open_clip:{name}/{folder / 'weights.pt'}"


def test_open_clip_from_a_checkpoint_gives_its_own_transforms_vectors(tmp_path: Path) -> None:
    import open_clip

    spec = tiny_clip(tmp_path)
    encoder = open_encoder(spec, device="cpu", cache_dir=tmp_path / "cache")
    parsed = parse_spec(spec)
    assert parsed.weights == str(tmp_path / "weights.pt")
    made: Any = open_clip.create_model_and_transforms(parsed.model, pretrained=parsed.weights)
    model, _, transform = made
    theirs = reference(transform, model.eval().encode_image)
    assert encoder.dimension == 32
    assert cosines(vectors(encoder), theirs).min() > 0.9999


def tiny_timm(folder: Path, name: str, **options: Any) -> tuple[str, Any]:
    import timm
    import torch

    torch.manual_seed(1)
    model: Any = timm.create_model(name, pretrained=False, **options)
    for module in model.modules():  # statistics as after training, or batch norm hides the input
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    torch.save(model.state_dict(), folder / "weights.pt")
    return f"timm:{name}@{folder / 'weights.pt'}", model.eval()


@pytest.mark.parametrize(("name", "classes"), [("resnet10t", 1000), ("test_vit", 7)])
def test_timm_from_a_checkpoint_gives_its_own_transforms_vectors(name: str, classes: int, tmp_path: Path) -> None:
    import timm.data

    spec, model = tiny_timm(tmp_path, name, num_classes=classes)
    encoder = open_encoder(spec, device="cpu", cache_dir=tmp_path)
    config: dict[str, Any] = timm.data.resolve_model_data_config(model)  # pyright: ignore[reportPrivateImportUsage]
    transform: Any = timm.data.create_transform(**config, is_training=False)  # pyright: ignore[reportPrivateImportUsage]
    model.reset_classifier(0)
    assert cosines(vectors(encoder), reference(transform, model)).min() > 0.9999


def test_other_weights_and_other_preprocessing_have_other_fingerprints(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = open_encoder(tiny_clip(tmp_path / "one"), device="cpu")
    squash = open_encoder(tiny_clip(tmp_path / "two", image_size=48), device="cpu")
    assert one.fingerprint != squash.fingerprint


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    spec, _ = tiny_timm(tmp_path, "test_vit")
    with pytest.raises(EncoderError, match="does not fit resnet10t"):
        open_encoder(spec.replace("test_vit", "resnet10t"), device="cpu")


@pytest.mark.parametrize("mode", ["shortest", "squash"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("shape", [(800, 533), (533, 801), (37, 29), (224, 224), (256, 300)])
def test_preparing_is_the_reference_transform_to_within_one_grey_level(
    mode: Any, interpolation: Any, shape: tuple[int, int]
) -> None:
    from torchvision.transforms import v2

    pixels = photograph(*shape)
    ours = Preprocessing(mode, (256, 256), (224, 224), interpolation, (0, 0, 0), (1, 1, 1)).prepare(pixels)
    size = 256 if mode == "shortest" else (256, 256)
    transform = v2.Compose([v2.Resize(size, v2.InterpolationMode(interpolation)), v2.CenterCrop(224), v2.PILToTensor()])
    theirs = transform(Image.fromarray(pixels)).numpy()
    assert ours.shape == theirs.shape == (3, 224, 224)
    assert ours.flags.c_contiguous
    assert np.abs(ours.astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("shape", [(30_000, 1), (1, 30_000), (5000, 20)])
def test_a_strip_is_prepared_without_taking_gigabytes(shape: tuple[int, int]) -> None:
    pixels = np.full((shape[1], shape[0], 3), 77, np.uint8)
    prepared = packaged.preprocessing(224).prepare(pixels)
    assert (prepared == 77).all()


def test_a_preprocessing_that_cannot_be_done_exactly_is_refused() -> None:
    usual: dict[str, Any] = {
        "model": "m", "mode": "shortest", "resize": (256, 256), "crop": (224, 224), "interpolation": "bicubic",
        "mean": (0.5,) * 3, "std": (0.5,) * 3,
    }  # fmt: skip
    assert checked(**usual).mean == (127.5,) * 3
    for name, value in {
        "mode": "border", "interpolation": "lanczos", "crop": (300, 300), "mean": (0.5,), "resize": (256, 300),
    }.items():  # fmt: skip
        with pytest.raises(EncoderError, match="not supported exactly"):
            checked(**{**usual, name: value})


def test_specs_are_taken_apart_and_put_together_again() -> None:
    for text, spec in {
        LITE0: Spec("packaged", "efficientnet_lite0", None),
        "open_clip:ViT-B-32/laion2b_s34b_b79k": Spec("open_clip", "ViT-B-32", "laion2b_s34b_b79k"),
        "open_clip:ViT-B-32//data/a/b.pt": Spec("open_clip", "ViT-B-32", "/data/a/b.pt"),
        "timm:vit_small_patch14_dinov2.lvd142m": Spec("timm", "vit_small_patch14_dinov2.lvd142m", None),
        "timm:resnet18@/data/r.pt": Spec("timm", "resnet18", "/data/r.pt"),
    }.items():
        assert parse_spec(text) == spec
        assert str(spec) == text


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("packaged:efficientnet_lite3", "packaged:efficientnet_lite"),
        ("efficientnet_lite0", "packaged:efficientnet_lite0"),
        ("openclip:ViT-B-32/x", "Did you mean open_clip"),
        ("resnet", "open_clip:MODEL/PRETRAINED"),
        ("open_clip:ViT-B-32", "incomplete"),
        ("timm:resnet18@", "incomplete"),
        ("open_clip:ViT-B-33/openai", "ViT-B-32"),
        ("open_clip:ViT-B-32/laion2b", "laion2b_s34b_b79k"),
        ("timm:vit_small_patch14_dino2", "vit_small_patch"),
    ],
)
def test_an_unknown_name_is_answered_with_near_ones(spec: str, hint: str) -> None:
    with pytest.raises(UnknownNameError) as error:
        open_encoder(spec, device="cpu")
    assert hint in str(error.value)


def test_every_packaged_name_finds_its_weights() -> None:
    for name in packaged.NAMES:
        source = packaged.source(f"packaged:{name}", name)
        assert source.weights is not None
        assert source.weights.is_file()


@pytest.mark.parametrize("spec", ["open_clip:ViT-B-32//nowhere/x.pt", "timm:resnet18@/nowhere/x.pt"])
def test_a_checkpoint_that_is_not_there_is_named(spec: str) -> None:
    with pytest.raises(EncoderError, match=r"/nowhere/x\.pt, and there is no such file"):
        open_encoder(spec, device="cpu")
    with pytest.raises(EncoderError):
        spec_identity(spec)


@pytest.mark.parametrize("spec", ["open_clip:RN50-quickgelu/cc12m", "timm:test_vit.r160_in1k"])
def test_a_hub_that_does_not_answer_is_said_at_once_with_a_way_on(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    started = time.monotonic()
    with pytest.raises(EncoderError) as error:
        open_encoder(spec, device="cpu")
    assert time.monotonic() - started < 45  # the hub's client alone takes 47 s and more: this is a hang, not a speed
    for part in (spec, str(tmp_path), "packaged:efficientnet_lite0", "does not answer"):
        assert part in str(error.value)
    assert constants.HF_HUB_OFFLINE is False


def test_the_identity_of_a_spec_changes_with_its_file(tmp_path: Path) -> None:
    weights = tmp_path / "w.pt"
    weights.write_bytes(b"one")
    spec = f"timm:resnet18@{weights}"
    before = spec_identity(spec)
    assert before == spec_identity(spec)
    weights.write_bytes(b"three")
    assert spec_identity(spec) != before


def test_a_device_that_is_not_there_is_an_error_that_says_what_to_do() -> None:
    import torch

    assert runtime.describe(runtime.choose_device("cpu")).startswith("CPU (OpenVINO, ")
    if not torch.backends.mps.is_available():
        with pytest.raises(EncoderError, match="Set it to auto or cpu"):
            runtime.choose_device("mps")


SILENT = """
import socket, sys, threading
attempts = []
def refuse(self, address):
    attempts.append(address)
    raise OSError("the test forbids connections")
def lookup(*arguments, **options):
    attempts.append(arguments)
    raise socket.gaierror("the test forbids look-ups")
socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = lookup
started = []
begin = threading.Thread.start
def start(thread):
    started.append(type(thread).__module__ + " " + repr(getattr(thread, "_target", None)))
    begin(thread)
threading.Thread.start = start
{work}
from openvino.tools.ovc import convert_impl, telemetry_stub, telemetry_utils
assert telemetry_utils.tm is convert_impl.tm is telemetry_stub
loaded = [name for name in sys.modules if name.startswith("openvino_telemetry") and sys.modules[name]]
assert not loaded, loaded
assert not [name for name in started if "telemetry" in name], started
print(attempts)
"""


OPEN = """
from pathlib import Path
from pipeline.adapters.encoders import runtime
from pipeline.adapters.encoders.registry import encoder_source, open_encoder
loaded = encoder_source("packaged:efficientnet_lite0").load()
module = runtime.with_normalisation(loaded.module, loaded.preprocessing)
assert runtime.convert(module, loaded.preprocessing.crop) is not None
encoder = open_encoder("packaged:efficientnet_lite0", device="cpu", cache_dir=Path(sys.argv[1]))
import numpy
encoder.encode(numpy.zeros((2, 3, 224, 224), numpy.uint8))
import open_clip
"""
LATE = """
import openvino, time
time.sleep(1)  # what OpenVINO sends at its import is none of ours; wait until it has failed
attempts.clear()
started.clear()
from pipeline.adapters.encoders import runtime
runtime.block_telemetry()
from openvino.tools.ovc.telemetry_utils import init_ovc_telemetry, send_conversion_result
init_ovc_telemetry().send_event("ovc", "version", "x")
send_conversion_result("success")
"""


@pytest.mark.parametrize("work", [OPEN, LATE], ids=["opening an encoder", "OpenVINO was imported before"])
def test_nothing_is_sent_anywhere_while_a_model_is_converted_and_run(work: str, tmp_path: Path) -> None:
    """The converter's reporter is never made, even where OpenVINO was imported by someone else before."""
    environment = {key: value for key, value in os.environ.items() if key not in ("CI", "HF_HUB_OFFLINE")}
    done = subprocess.run(
        [sys.executable, "-c", SILENT.replace("{work}", work), str(tmp_path)],
        capture_output=True, text=True, env=environment | {"PYTHONPATH": str(Path.cwd())}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("damage", ["model.bin", "model.xml", "card.json"])
def test_a_damaged_cache_is_made_again(damage: str, tmp_path: Path) -> None:
    spec, _ = tiny_timm(tmp_path, "test_vit")
    before = vectors(open_encoder(spec, device="cpu", cache_dir=tmp_path))
    file = next(tmp_path.glob(f"encoders/*/{damage}"))
    whole = file.read_bytes()
    damaged = bytearray(whole)
    damaged[len(damaged) // 2] ^= 0xFF
    file.write_bytes(bytes(damaged[: -len(damaged) // 3] if damage == "card.json" else damaged))
    np.testing.assert_array_equal(vectors(open_encoder(spec, device="cpu", cache_dir=tmp_path)), before)
    assert len(list(tmp_path.glob("encoders/*"))) == 1
    assert len(file.read_bytes()) == len(whole)


def test_several_openings_at_once_share_one_stored_model(tmp_path: Path) -> None:
    spec, _ = tiny_timm(tmp_path, "test_vit")
    found: list[Encoder] = []
    openers = [
        threading.Thread(target=lambda: found.append(open_encoder(spec, device="cpu", cache_dir=tmp_path)))
        for _ in range(3)
    ]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()
    assert len(found) == 3
    assert len({encoder.fingerprint for encoder in found}) == 1
    assert {encoder.device for encoder in found} == {runtime.describe("cpu")}
    assert len(list((tmp_path / "encoders").iterdir())) == 1


def test_a_process_that_comes_second_keeps_the_model_of_the_first(tmp_path: Path) -> None:
    import openvino

    cache, parameter = ModelCache(tmp_path), openvino.opset13.parameter([1, 2], np.float32)
    model = openvino.Model([parameter], [parameter], "m")
    cards = [Card(2, name, packaged.preprocessing(224)) for name in ("first", "second")]
    for card in cards:
        cache.write("key", card, model)
    assert cache.read("key") == cards[0]
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
