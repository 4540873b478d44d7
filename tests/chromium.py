"""Finds Chromium for the browser tests. As a program, installs it and a Chinese font with apt-get if run as root."""

import os
import shutil
import subprocess
import sys

PACKAGES = ["chromium", "fonts-noto-cjk"]


def executable():
    """The path of the installed Chromium, or None."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    return None


def has_han_font():
    listed = subprocess.run(["fc-list", ":lang=zh-cn"], capture_output=True) if shutil.which("fc-list") else None
    return bool(listed and listed.stdout.strip())


def main():
    if executable() and has_han_font():
        return 0
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing Chromium and a Han font from Debian, for the tests in a browser …", flush=True)
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "-qq", "update"], ["apt-get", "-qq", "install", "-y", *PACKAGES]):
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL)
    if executable() and has_han_font():
        return 0
    print(f"The tests in a browser are skipped: install {' and '.join(PACKAGES)} (apt-get install), then run again.")
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
