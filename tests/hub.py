"""A small stand-in for the Hugging Face Hub: data set repositories held in memory, served on 127.0.0.1.

It answers what `datasets.load_dataset(repository, config, split=..., streaming=True)` asks: the repository at
a revision, lists of its files, and the files themselves, whole or by range. There is one revision.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

REVISION = hashlib.sha1(b"the only commit").hexdigest()

Repositories = Mapping[str, Mapping[str, bytes]]  # owner/name: path: content

_API = re.compile(r"/api/datasets/([^/]+/[^/]+)(?:/(revision|tree)/[^/]+/?(.*))?")
_FILE = re.compile(r"/datasets/([^/]+/[^/]+)/resolve/[^/]+/(.+)")


@dataclass
class Hub:
    """A running stand-in. Set `fail_with` to an HTTP status to have everything answered with it."""

    url: str
    repositories: Repositories
    fail_with: int = 0
    gated: set[str] = field(default_factory=set)  # their files need an Authorization header
    requests: list[str] = field(default_factory=list)  # method and path, in order
    authorizations: set[str] = field(default_factory=set)  # the Authorization headers that came


@contextlib.contextmanager
def serve(repositories: Repositories) -> Iterator[Hub]:
    """Run a stand-in on a free port for as long as the context lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    hub = Hub(f"http://127.0.0.1:{server.server_port}", repositories)
    server.hub = hub  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        hub: Hub = self.server.hub  # type: ignore[attr-defined]
        hub.requests.append(f"{self.command} {self.path}")
        if "Authorization" in self.headers:
            hub.authorizations.add(self.headers["Authorization"])
        url = urlsplit(self.path)
        path = unquote(url.path)
        if hub.fail_with:
            self._send(hub.fail_with, b"")
        elif match := _API.fullmatch(path):
            recursive = parse_qs(url.query).get("recursive", ["false"])[0].lower() == "true"
            self._answer_api(hub, match[1], match[2] or "revision", match[3] or "", recursive)
        elif match := _FILE.fullmatch(path):
            self._answer_file(hub, match[1], match[2])
        else:
            self._send(404, b"")

    do_HEAD = do_GET

    def _answer_api(self, hub: Hub, repository: str, question: str, folder: str, recursive: bool) -> None:
        files = hub.repositories.get(repository)
        if files is None:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
        elif question == "revision":
            siblings = [{"rfilename": path} for path in files]
            self._send_json({"id": repository, "sha": REVISION, "siblings": siblings})
        elif entries := _entries(files, folder, recursive):
            self._send_json(entries)
        else:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})

    def _answer_file(self, hub: Hub, repository: str, path: str) -> None:
        if repository in hub.gated and "Authorization" not in self.headers:
            self._send(401, b"", {"X-Error-Code": "GatedRepo"})
            return
        content = hub.repositories.get(repository, {}).get(path)
        if content is None:
            code = "EntryNotFound" if repository in hub.repositories else "RepoNotFound"
            self._send(404, b"", {"X-Error-Code": code})
            return
        headers = {"ETag": f'"{_oid(content)}"', "X-Repo-Commit": REVISION, "Accept-Ranges": "bytes"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self._send(200, content, headers)
            return
        start, end = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        self._send(206, content[start : end + 1], headers)

    def _send_json(self, answer: Any) -> None:
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def take_for_the_real_one(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process that a test starts asks this Hub, with a cache under `tmp_path` and nothing of the user's settings."""
    for name in os.environ:
        if name.startswith(("HF_", "HUGGING")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setenv("HF_UPDATE_DOWNLOAD_COUNTS", "0")  # these are counted on another host
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def _entries(files: Mapping[str, bytes], folder: str, recursive: bool) -> list[dict[str, Any]]:
    """The folders and files in a folder ("" is the root), as the Hub lists them."""
    folders = {path.rsplit("/", depth)[0] for path in files for depth in range(1, path.count("/") + 1)}
    start = f"{folder}/" if folder else ""
    entries = []
    for path in sorted({*folders, *files}):
        if path.startswith(start) and (recursive or "/" not in path[len(start) :]):
            kind, content = ("file", files[path]) if path in files else ("directory", b"")
            entries.append({"type": kind, "path": path, "oid": _oid(content), "size": len(content)})
    return entries


def _oid(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
