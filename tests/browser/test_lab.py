"""Where no browser can be had, the tests say what to install: a skip for a user, a failure where one is required."""

import lab
import pytest
from test_sliders import do_without


@pytest.fixture
def bare(monkeypatch):
    monkeypatch.setattr(lab.shutil, "which", lambda name: None)
    monkeypatch.setattr(lab, "ON_A_MAC", ())
    monkeypatch.setattr(lab, "sync_playwright", object())


def test_a_missing_browser_is_named_with_what_to_install(bare, monkeypatch):
    with pytest.raises(lab.NoBrowserError, match="apt-get install chromium"):
        lab.browser_path()
    monkeypatch.setattr(lab, "sync_playwright", None)
    with pytest.raises(lab.NoBrowserError, match="pip install -c constraints.txt"):
        lab.browser_path()


def test_chrome_on_a_mac_is_found(bare, monkeypatch, tmp_path):
    chrome = tmp_path / "Google Chrome"
    chrome.touch()
    monkeypatch.setattr(lab, "ON_A_MAC", (str(chrome),))
    assert lab.browser_path() == str(chrome)


def test_a_user_may_do_without_and_ci_may_not(monkeypatch):
    monkeypatch.delenv("VAE_COURSE_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="not tried in a browser: no Chromium"):
        do_without(lab.NoBrowserError("no Chromium"))
    monkeypatch.setenv("VAE_COURSE_BROWSER", "required")
    with pytest.raises(pytest.fail.Exception, match="required, but no Chromium"):
        do_without(lab.NoBrowserError("no Chromium"))
