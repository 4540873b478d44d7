"""
Finds nginx with its brotli module, and starts it with deploy/nginx.conf.

As a program, installs both with apt-get if run as root.
"""

import os
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.chromium import apt_get

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = ["nginx", "libnginx-mod-http-brotli-static"]
MODULE = Path("/usr/lib/nginx/modules/ngx_http_brotli_static_module.so")
NAME = "portal.example"
# What Debian's nginx.conf has around the server blocks, with files in a folder of its own.
MAIN = """
user www-data;
worker_processes auto;
daemon off;
pid {folder}/nginx.pid;
load_module {module};
events {{ worker_connections 768; }}
http {{
    sendfile on;
    tcp_nopush on;
    types_hash_max_size 2048;
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log {folder}/others.log;
    gzip on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/servers.conf;
}}
"""


def executable():
    """The path of the installed nginx, or None."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def is_usable():
    return bool(executable() and MODULE.exists())


@contextmanager
def running(folder, data, portal, port, plain_port):
    """
    Runs nginx with deploy/nginx.conf in front of the portal on the port `portal`, whose PORTAL_DATA is `data`.

    It listens on `port` with TLS and on `plain_port` without, as portal.example. Its own files are in the new `folder`.
    If this process is root, its workers run as www-data, which must be able to reach both folders.
    """
    folder.mkdir()
    write_certificate(folder)
    shutil.copytree(PROJECT / "deploy/nginx-headers", folder / "portal-headers")
    (folder / "templates").mkdir()
    shutil.copy(PROJECT / "templates/500.html", folder / "templates")
    # Whatever the umask is.
    for path, mode in {folder: 0o755, folder / "templates": 0o755, folder / "templates/500.html": 0o644}.items():
        path.chmod(mode)
    text = (PROJECT / "deploy/nginx.conf").read_text()
    for old, new in {
        "listen 80;": f"listen 127.0.0.1:{plain_port};",
        "listen 443 ": f"listen 127.0.0.1:{port} ",
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{portal};",
        "/etc/ssl/private/portal.example.key": f"{folder}/key.pem",
        "/etc/ssl/portal.example.pem": f"{folder}/certificate.pem",
        "/var/log/nginx": str(folder),
        "/srv/portal": str(data),
        "/opt/portal": str(folder),
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    with started(folder, text, port):
        yield


@contextmanager
def started(folder, servers, port):
    """Runs nginx with the server blocks `servers`, of which one listens on `port`. Its own files are in `folder`."""
    (folder / "servers.conf").write_text(servers)
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, module=MODULE))
    log = folder / "error.log"
    # Not in the group of a terminal, whose Ctrl-C would stop it before those who still use it.
    process = subprocess.Popen(
        [executable(), "-c", folder / "nginx.conf", "-e", log], stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait_until_it_listens(process, port, log)
        yield
    finally:
        process.terminate()
        process.wait(20)


def wait_until_it_listens(process, port, log):
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            try:
                process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            raise RuntimeError(f"nginx did not start:\n{log.read_text()}") from None


def write_certificate(folder):
    """Writes a key, and a certificate for NAME that it signs itself, into `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def main():
    if not is_usable() and shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing nginx from Debian, for the tests of deploy/nginx.conf …", flush=True)
        apt_get("update")
        apt_get("install", "-y", *PACKAGES)
    if is_usable():
        return 0
    print(f"The tests of nginx are skipped: install {' and '.join(PACKAGES)} (apt-get install), then run again.")
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
