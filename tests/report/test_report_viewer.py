"""The viewer of 3D objects: what it holds, what it forbids, and that a browser draws it."""

import json
import re

import numpy as np
import trimesh
from headless_browser import Browser

from brainvis.objects3d.mesh import ColoredMesh, empty_mesh
from brainvis.report.page import render
from brainvis.report.section import Section, Viewer
from brainvis.report.viewer import viewer_page


def shape(rng, sides):
    box = trimesh.creation.box(sides)
    colors = np.tile(rng.integers(30, 220, 3), (8, 1)).astype(np.uint8)
    return ColoredMesh(box.vertices.astype("f4"), np.asarray(box.faces, "i4"), colors)


def test_hostile_words_stay_words_in_the_frame_and_around_it():
    hostile = '"></iframe><script>parent.alert(1)</script>'
    page = viewer_page([(hostile, [shape(np.random.default_rng(0), (1, 1, 1))])], "simulated")
    html, _ = render("t", "simulated", [Section("o", "O", [Viewer(page, hostile, hostile)])])
    outside = re.sub(r'srcdoc="[^"]*"', "", html)
    escaped = "<script" not in outside and "</iframe><script" not in html
    assert escaped
    assert page.count("<script>parent.alert") == 0
    framed = 'sandbox="allow-scripts"' in html, "allow-same-origin" in html
    assert framed == (True, False)


def test_the_page_forbids_itself_the_network():
    page = viewer_page([("true", [shape(np.random.default_rng(0), (1, 1, 1))])], "simulated")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1)
    assert policy.startswith("default-src 'none'") and "http" not in policy
    assert page.index("Content-Security-Policy") < page.index("<script")
    said = "SIMULATED BRAIN" in page
    assert said


def test_a_viewer_of_nothing_says_so():
    assert "all empty" in viewer_page([("decoded", [empty_mesh()])], "simulated")


def coloured(picture):
    """Share of pixels with a saturated colour inside the frame."""
    inside = picture[150:560, 100:800].astype(int)
    return (np.ptp(inside, axis=-1) > 60).mean()


def test_the_viewer_draws_and_turns_in_chromium(tmp_path):
    rng = np.random.default_rng(1)
    cube, bar = (shape(rng, sides) for sides in ((1, 1, 1), (1, 0.3, 0.3)))
    red = ColoredMesh(cube.vertices, cube.faces, np.tile([220, 20, 20], (8, 1)).astype(np.uint8))
    page = viewer_page([("true", [red, bar]), ("decoded", [red, empty_mesh()])], "simulated")
    built = Section("objects", "3D objects", [Viewer(page, "objects", "Turn them.", height=420)])
    (tmp_path / "report.html").write_text(render("t", "simulated", [built])[0], encoding="utf-8")
    browser = Browser(tmp_path / "profile", (900, 760))
    try:
        browser.open(tmp_path / "report.html")
        for _ in range(40):  # until it has drawn
            browser.wait(0.5)
            browser.run("document.querySelector('iframe').scrollIntoView({block: 'center'})")
            if coloured(before := browser.picture()) > 0.02:
                break
        assert coloured(before) > 0.02, "the canvas stayed blank"
        at = json.loads(
            browser.run("JSON.stringify(document.querySelector('iframe').getBoundingClientRect())")
        )
        x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
        press = {"button": "left", "buttons": 1, "clickCount": 1}
        mouse = ("Input.dispatchMouseEvent", browser.session)
        browser.call(*mouse, type="mousePressed", x=x, y=y, **press)
        for step in range(1, 6):
            browser.call(*mouse, type="mouseMoved", x=x + 25 * step, y=y + 5 * step, **press)
        browser.call(*mouse, type="mouseReleased", x=x + 125, y=y + 25, **press)
        for _ in range(20):
            browser.wait(0.5)
            after = browser.picture()
            if (turned := np.abs(after.astype(int) - before).max(axis=-1) > 40).mean() > 0.01:
                break
        assert turned.mean() > 0.01, "the objects did not turn"
        assert browser.errors == []
        assert {url.split(":")[0] for url in browser.requests} <= {"file", "data", "about"}
    finally:
        browser.close()
