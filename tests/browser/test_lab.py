"""Where no browser can be had, the tests say what to install: a skip for a user, a failure where one is required."""

import lab
import pytest
from test_sliders import do_without


def test_a_browser_is_found_on_a_mac_or_named_with_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(lab.shutil, "which", lambda name: None)
    monkeypatch.setattr(lab, "sync_playwright", object())
    chrome = tmp_path / "Google Chrome"
    monkeypatch.setattr(lab, "ON_A_MAC", (str(chrome),))
    with pytest.raises(lab.NoBrowserError, match="apt-get install chromium"):
        lab.browser_path()
    chrome.touch()
    assert lab.browser_path() == str(chrome)
    monkeypatch.setattr(lab, "sync_playwright", None)
    with pytest.raises(lab.NoBrowserError, match="pip install -c constraints.txt"):
        lab.browser_path()


def test_a_user_may_do_without_and_ci_may_not(monkeypatch):
    monkeypatch.delenv("VAE_COURSE_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="not tried in a browser: no Chromium"):
        do_without(lab.NoBrowserError("no Chromium"))
    monkeypatch.setenv("VAE_COURSE_BROWSER", "required")
    with pytest.raises(pytest.fail.Exception, match="required, but no Chromium"):
        do_without(lab.NoBrowserError("no Chromium"))
