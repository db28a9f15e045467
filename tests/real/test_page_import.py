"""Importing on the page: a preview, doing it, one undo."""

import pytest
from playwright.sync_api import Page, expect

from tests.real.curation_page import clusters, toast
from tests.service.site import Client

pytestmark = pytest.mark.real


def test_a_csv_is_previewed_imported_and_taken_back_with_one_undo(shown: Page, served: Client) -> None:
    shown.goto("/c/bollards")
    shown.get_by_role("link", name="Import…").click()
    shown.get_by_text("In a CSV file").click()
    table = "filename,cluster,tags\nde-000-800w.png,Reds,wet\nde-003-800w.png,Reds,\nno.png,Reds,\n"
    shown.locator("#csv").set_input_files({"name": "names.csv", "mimeType": "text/csv", "buffer": table.encode()})
    shown.get_by_role("button", name="See what would happen").click()
    expect(shown.locator("#told")).to_have_text("1 name and 1 tag")
    expect(shown.locator("#troubles")).to_have_text("Named, but not here: 1, for example no.png.")
    expect(shown.locator("#kinds tbody tr")).to_have_count(1)
    assert "Reds" not in {one["name"] for one in clusters(served).values()}
    shown.get_by_role("button", name="Import", exact=True).click()
    toast(shown, "Imported 1 name and 1 tag.")
    assert "Reds" in {one["name"] for one in clusters(served).values()}
    shown.locator("#toasts").get_by_role("button", name="Undo").click()
    toast(shown, "Undone: Imported 1 name and 1 tag.")
    assert "Reds" not in {one["name"] for one in clusters(served).values()}
