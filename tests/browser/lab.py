"""A real JupyterLab in a real Chromium: notebooks go in; a page on which every cell has run comes out; nothing is left running.

JupyterLab works on copies, with this Python as kernel, none of the user's settings and no network.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

try:
    from playwright.sync_api import Browser, Error, Locator, Page, sync_playwright
except ImportError:  # a user may do without
    sync_playwright = None

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 180  # seconds for a step that takes one or two on an idle machine: tests run beside others
ON_A_MAC = ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium")

# Times of key presses and of new images, on the page's own clock, in milliseconds.
WATCH = """
window.seen = {keys: [], images: []};
document.addEventListener('keydown', event => seen.keys.push(event.timeStamp), true);
document.addEventListener('load', event => {
    if (event.target.matches && event.target.matches('img.widget-image')) seen.images.push(performance.now());
}, true);
"""
KERNEL_IS_READY = """() => {
    const panel = window.jupyterapp && jupyterapp.shell.currentWidget;
    const kernel = panel && panel.sessionContext && panel.sessionContext.session && panel.sessionContext.session.kernel;
    return Boolean(kernel && kernel.status === 'idle' && panel.content.model && panel.content.model.cells.length);
}"""
RUN_ALL = """() => {
    window.outcome = null;
    jupyterapp.commands.execute('notebook:run-all-cells').then(() => {
        const cells = [...jupyterapp.shell.currentWidget.content.model.cells].filter(cell => cell.type === 'code');
        const outputs = cells.flatMap(cell => cell.outputs.toJSON());
        const errors = outputs.filter(output => output.output_type === 'error').map(output => `${output.ename}: ${output.evalue}`);
        window.outcome = {errors, waiting: cells.filter(cell => cell.executionCount === null).length};
    });
}"""
BYTES = """async image => {
    const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
    return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''));
}"""


class NoBrowserError(RuntimeError):
    """This machine has no browser that can be driven, and the message says what to do."""


def browser_path() -> str:
    """Return where this machine's Chromium or Chrome is. Raises NoBrowserError, with what to install, where it has none."""
    if sync_playwright is None:
        raise NoBrowserError("Playwright is not installed. Install it with: pip install -c constraints.txt -e '.[dev]'")
    found = [path for path in (*map(shutil.which, NAMES), *ON_A_MAC) if path and os.path.exists(path)]
    if not found:
        raise NoBrowserError(
            "there is no Chromium or Chrome. Install one: on Debian and Ubuntu with 'sudo apt-get install chromium', "
            "on a Mac from google.com/chrome."
        )
    return found[0]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start this machine's browser, headless and without a network. Raises NoBrowserError where that is impossible."""
    path = browser_path()
    with sync_playwright() as playwright:
        try:
            only_here = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
            flags = ["--disable-gpu", "--disable-background-networking", "--no-proxy-server", only_here]
            browser = playwright.chromium.launch(executable_path=path, args=flags, timeout=1000 * PATIENCE)
        except Error as error:
            raise NoBrowserError(f"{path} does not start, so the sliders cannot be tried: {error.message}") from error
        try:
            yield browser
        finally:
            browser.close()


def environment(folder: Path) -> dict[str, str]:
    """Return the environment variables of a JupyterLab that keeps everything of its own in `folder`."""
    settings = folder / "config" / "labconfig"
    settings.mkdir(parents=True)
    (settings / "page_config.json").write_text('{"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": true}}')
    own = {f"JUPYTER_{name.upper()}_DIR": str(folder / name) for name in ("config", "data", "runtime")}
    own |= {"IPYTHONDIR": str(folder / "ipython"), "VAE_COURSE_DEVICE": "cpu", "PYTHONPATH": str(ROOT)}
    return {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "JPY_", "PYTEST_"))} | own


@contextmanager
def jupyterlab(notebooks: Sequence[Path], folder: Path) -> Iterator[str]:
    """Start JupyterLab on a free port over copies of the notebooks in `folder`; yield its address, with `{}` for the name."""
    work = folder / "notebooks"
    work.mkdir()
    for path in notebooks:
        shutil.copy(path, work)
    words = ["--no-browser", "--ServerApp.port=0", f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        words.append("--allow-root")
    log = folder / "jupyterlab.log"
    with log.open("w") as stream:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *words], env=environment(folder), cwd=work,
            stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        where = address(server, folder / "runtime", log)
        yield f"http://127.0.0.1:{where['port']}/lab/tree/notebooks/{{}}.ipynb?reset&token={where['token']}"
    finally:
        stop(server)


def address(server: subprocess.Popen, runtime: Path, log: Path) -> dict:
    """Return what a starting JupyterLab writes down about itself, port and token among it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        for path in runtime.glob("jpserver-*.json"):
            with suppress(json.JSONDecodeError):  # half written
                return json.loads(path.read_text())
        time.sleep(0.1)
    told = "\n".join(log.read_text().splitlines()[-20:])
    raise RuntimeError(f"JupyterLab did not start within {PATIENCE} s. Try 'make lab'. Its last words:\n{told}")


def stop(server: subprocess.Popen) -> None:
    """End JupyterLab, which ends its kernels; by force if it takes longer than ten seconds."""
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        if hasattr(os, "killpg"):
            os.killpg(server.pid, signal.SIGKILL)  # kernels notice that it is gone, and end
        server.kill()
        server.wait()


@dataclass
class Opened:
    """A notebook on a page of the browser, all of its cells run, and what the browser's console complained about."""

    page: Page
    complaints: list[str]

    def cell(self, index: int) -> Locator:
        """Return one cell, scrolled into view."""
        self.page.evaluate("index => jupyterapp.shell.currentWidget.content.scrollToItem(index, 'center')", index)
        cell = self.page.locator(f'.jp-Cell[data-windowed-list-index="{index}"]')
        cell.locator(".noUi-handle").first.wait_for()
        return cell


@contextmanager
def opened(browser: Browser, url: str) -> Iterator[Opened]:
    """Open a notebook, run all cells and wait for the last; raises RuntimeError where one of them fails."""
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.set_default_timeout(1000 * PATIENCE)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.add_init_script(WATCH)
    try:
        page.goto(url)
        page.wait_for_function(KERNEL_IS_READY)
        page.evaluate(RUN_ALL)
        outcome = page.wait_for_function("window.outcome", timeout=2000 * PATIENCE).json_value()
        if outcome["errors"] or outcome["waiting"]:
            raise RuntimeError(f"in JupyterLab, {outcome['waiting']} cells did not run, and these failed: {outcome['errors']}")
        yield Opened(page, complaints)
    finally:
        page.close()


def content(image: Locator) -> bytes:
    """Return the file that an image on the page shows."""
    return base64.b64decode(image.evaluate(BYTES))
