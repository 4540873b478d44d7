"""Finds Chromium for the browser tests. As a program, installs it and a Chinese font with apt-get if run as root."""

import os
import shutil
import subprocess
import sys

# Chromium without windows, in which the tests take less time.
HEADLESS = "chromium-headless-shell"
FONT = "fonts-noto-cjk"


def executable():
    """The path of the installed Chromium, or None."""
    for name in (HEADLESS, "chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    return None


def has_han_font():
    listed = subprocess.run(["fc-list", ":lang=zh-cn"], capture_output=True) if shutil.which("fc-list") else None
    return bool(listed and listed.stdout.strip())


def is_usable():
    return bool(executable() and has_han_font())


def apt_get(*words):
    """Runs apt-get. A server that does not answer is left after ten seconds."""
    command = ["apt-get", "-qq", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=10", *words]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def main():
    if not (shutil.which(HEADLESS) and has_han_font()) and shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing Chromium and a Han font from Debian, for the tests in a browser …", flush=True)
        if not is_usable():
            apt_get("update")
            apt_get("install", "-y", FONT)
        apt_get("install", "-y", HEADLESS)
        if not executable():
            apt_get("install", "-y", "chromium")
    if is_usable():
        return 0
    print(f"The tests in a browser are skipped: install {HEADLESS} and {FONT} (apt-get install), then run again.")
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
