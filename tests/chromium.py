"""Finds Chromium for the browser tests. As a program, installs it and a Chinese font with apt-get if run as root."""

import os
import shutil
import subprocess
import sys

# Chromium without windows: `make test` takes a fifth less time.
SHELL = "chromium-headless-shell"
PACKAGES = [SHELL, "fonts-noto-cjk"]


def executable():
    """The path of the installed Chromium, or None."""
    for name in (SHELL, "chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    return None


def has_han_font():
    listed = subprocess.run(["fc-list", ":lang=zh-cn"], capture_output=True) if shutil.which("fc-list") else None
    return bool(listed and listed.stdout.strip())


def is_usable():
    return bool(executable() and has_han_font())


def main():
    if shutil.which(SHELL) and has_han_font():
        return 0
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing Chromium and a Han font from Debian, for the tests in a browser …", flush=True)
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        # Where another Chromium is installed, the tests do not wait for Debian's newest list of packages.
        update = [] if is_usable() else [["apt-get", "-qq", "update"]]
        for command in (*update, ["apt-get", "-qq", "install", "-y", *PACKAGES]):
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if is_usable():
        return 0
    print(f"The tests in a browser are skipped: install {' and '.join(PACKAGES)} (apt-get install), then run again.")
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
