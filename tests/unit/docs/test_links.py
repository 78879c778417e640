"""No link in the documentation leads nowhere, and no page is lost."""

from urllib.parse import urlsplit

import pytest

from tests.unit.docs.pages import PAGES, ROOT, Written, anchors, links, pages


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.page)
def test_links_lead_somewhere(page: Written) -> None:
    for link in links(page.text):
        target = urlsplit(link)
        if target.scheme:
            continue
        path = ((ROOT / page.page).parent / target.path).resolve() if target.path else ROOT / page.page
        assert path.exists(), f"{page.page}: {link} does not exist"
        if target.fragment:
            assert target.fragment in anchors(path.read_text("utf-8")), f"{page.page}: {link} has no such heading"


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in reached:
            continue
        reached.add(path)
        targets = (urlsplit(link) for link in links(path.read_text("utf-8")))
        waiting += [(path.parent / target.path).resolve() for target in targets if not target.scheme and target.path.endswith(".md")]
    assert set(PAGES) - reached == set()


def test_every_picture_is_on_a_page() -> None:
    shown = {(ROOT / page.page).parent.joinpath(link).resolve() for page in pages() for link in links(page.text) if link.endswith(".svg")}
    assert set((ROOT / "docs").glob("*.svg")) - shown == set()
