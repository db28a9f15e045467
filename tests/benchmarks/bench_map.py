"""How smoothly the map moves with many points: frames a second while the map is dragged, in a real browser.

    python -m tests.benchmarks.bench_map URL-OF-A-SERVICE [POINTS]

Without a graphics card Chromium draws by SwiftShader on the processor: what this prints is then the lower end.
"""

import json
import shutil
import sys

import numpy as np
from playwright.sync_api import CDPSession, sync_playwright

FLAGS = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]  # fmt: skip
RECORD = """() => { window.frames_ = []; const tick = (t) => { frames_.push(t); requestAnimationFrame(tick); };
    requestAnimationFrame(tick); }"""


def synthetic(points: int, clusters: int = 300) -> bytes:
    """A map in the service's binary format: Gaussian clusters of different sizes."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(clusters, 2)) * 10
    of = rng.integers(0, clusters, points).astype("<i4")
    places = (centres[of] + rng.normal(size=(points, 2))).astype("<f4")
    sizes = np.bincount(of, minlength=clusters).tolist()
    known = [{"id": f"c-{number}", "name": None, "size": size} for number, size in enumerate(sizes)]
    head = json.dumps({"category": "synthetic", "count": points, "clusters": known}).encode()
    head += b" " * (-(len(head) + 8) % 8)
    ids = rng.integers(0, 256, 8 * points, dtype=np.uint8).tobytes()
    columns = places[:, 0].tobytes() + places[:, 1].tobytes() + of.tobytes() + ids
    return b"ICM1" + len(head).to_bytes(4, "little") + head + columns


def told(frames: list[float], cpu: dict[str, float]) -> str:
    gaps = np.diff(frames)
    p50, p95 = np.percentile(gaps, [50, 95])
    used = ", ".join(f"{kind} {1000 * seconds / len(gaps):.1f}" for kind, seconds in cpu.items())
    return (f"{1000 / gaps.mean():.1f} frames/s (gap: median {p50:.1f} ms, p95 {p95:.1f} ms, {len(gaps)} frames; "
            f"processor ms a frame: {used})")  # fmt: skip


def processor(session: CDPSession) -> dict[str, float]:
    """Seconds of processor time so far of what draws and what runs the page: these do not grow with a busy machine."""
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    return {kind: sum(one["cpuTime"] for one in found if one["type"] == kind) for kind in ("GPU", "renderer")}


def since(session: CDPSession, before: dict[str, float]) -> dict[str, float]:
    return {kind: seconds - before[kind] for kind, seconds in processor(session).items()}


def main(url: str, points: int = 100_000) -> None:
    data = synthetic(points)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.route("**/map?format=binary", lambda route: route.fulfill(body=data))
        page.route("**/thumbnail?*", lambda route: route.abort())
        page.goto(url)
        page.goto(f"{page.url.rstrip('/')}/map")
        page.wait_for_selector(f"#stage[data-points='{points}']", timeout=120_000)
        page.wait_for_timeout(2000)
        session = browser.new_browser_cdp_session()
        page.evaluate(RECORD)
        before = processor(session)
        page.wait_for_timeout(3000)
        print("at rest:   ", told(page.evaluate("frames_.splice(0)"), since(session, before)))
        for name, zooms in (("whole map:", 0), ("zoomed in:", 6)):
            for _ in range(zooms):
                page.locator("#zoom-in").click()
            page.wait_for_timeout(500)
            box = page.locator("#points").bounding_box()
            assert box
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            page.mouse.move(x, y)
            page.mouse.down()
            page.evaluate("frames_.splice(0)")
            before = processor(session)
            for step in range(120):
                page.mouse.move(x + 150 * np.sin(step / 10), y + 80 * np.cos(step / 13))
            print(f"{name} ", told(page.evaluate("frames_.splice(0)"), since(session, before)))
            page.mouse.up()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
