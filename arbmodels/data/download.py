"""Where the files of a published data set are, and how they get there.

The data sets that have a name: what they are, which files they have, and their checksums.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from tqdm import tqdm

from arbmodels.errors import DownloadError, InputError

SIMULATED = "swebench-sim"
QUESTIONS = "questions-sim"
#: Its table is made of many files: :mod:`arbmodels.data.routellm`.
ROUTELLM = "routellm"

#: The authors' repository has no licence file, so their data is fetched and never shipped.
LICENCE = "no licence stated by its authors: fetched from their repository, never shipped"


@dataclass(frozen=True)
class PublishedFile:
    """Size [bytes] and SHA-256 of a file as its authors published it."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Published:
    """A data set that is fetched from its authors.

    Parameters
    ----------
    name, description, currency : str
        ``currency`` is the unit of the costs.
    folder : str
        Of the files, below the authors' data folder.
    models : tuple of str
        Loaded by default, in this order.
    others : tuple of str
        Loaded only when asked for by name.
    """

    name: str
    description: str
    folder: str
    models: tuple[str, ...]
    others: tuple[str, ...] = ()
    currency: str = "USD"

    @property
    def all_models(self) -> tuple[str, ...]:
        """Every model that can be asked for."""
        return self.models + self.others

    def file(self, model: str) -> str:
        """Return the path of a model's file below the authors' data folder."""
        return f"{self.folder}/{model}.jsonl"


PUBLISHED = {
    data.name: data
    for data in (
        Published(
            "olmedo2026/swebench",
            "Six models on SWE-bench Verified (Olmedo, Schölkopf, Hardt 2026)",
            "swebench",
            (
                "gpt5mini",
                "deepseek",
                "sonnet",
                "qwen3-coder-480b",
                "qwen3-coder-30b",
                "minicoder4b",
            ),
            ("mini-coder-4b",),  # the outcomes of minicoder4b at other costs
        ),
        Published(
            "olmedo2026/swebench-distill",
            "Five students of 1.7B and their teacher on SWE-bench Verified (same source)",
            "swebench/distill",
            ("1.7b-84", "1.7b-281", "1.7b-845", "1.7b-2816", "1.7b-1e", "qwen3-coder-480b"),
        ),
        Published(
            "olmedo2026/lean",
            "Three Kimina provers on MiniF2F in Lean, costs in FLOPs (same source)",
            "lean",
            ("kimina-1.7b", "kimina-8b", "kimina-72b"),
            tuple(f"distill-1.7b-{size}" for size in ("3k", "8k", "24k", "72k", "192k")),
            "FLOPs",
        ),
    )
}

#: Their files are listed in leaderboards.json: :mod:`arbmodels.data.leaderboards`.
LEADERBOARDS = ("swebench/bash-only", "openhands/swe-bench")

NAMES = (SIMULATED, QUESTIONS, *PUBLISHED, ROUTELLM, *LEADERBOARDS)


def find_published(name: str) -> Published:
    """Return the published data set ``name``.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in PUBLISHED:
        raise InputError(unknown_name(name))
    return PUBLISHED[name]


def unknown_name(name: str) -> str:
    """Return what to tell someone who asked for ``name``."""
    close = difflib.get_close_matches(name, NAMES, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return (
        f"{name!r} is neither a data set's name nor a folder or file.{hint}"
        f" The data sets are {', '.join(NAMES)}."
    )


@cache
def _registry() -> dict[str, object]:
    text = files("arbmodels").joinpath("data", "olmedo2026.json").read_text(encoding="utf-8")
    registry: dict[str, object] = json.loads(text)
    return registry


def published_url() -> str:
    """Return the address of the authors' data folder at the pinned commit."""
    return str(_registry()["url"])


@cache
def published_files() -> dict[str, PublishedFile]:
    """Return size and checksum by path below the authors' data folder."""
    listed = _registry()["files"]
    assert isinstance(listed, dict)  # noqa: S101 - our own file
    return {path: PublishedFile(**facts) for path, facts in listed.items()}


#: The user's own copy: a folder that holds ``olmedo2026/swebench/gpt5mini.jsonl`` and so on.
DATA_VARIABLE = "ARBMODELS_DATA"
#: Another address of the authors' data folder (a mirror).
URL_VARIABLE = "ARBMODELS_DATA_URL"
#: Another place for downloads than the user's cache folder.
CACHE_VARIABLE = "ARBMODELS_CACHE"

_COLLECTION = "olmedo2026"
_TIMEOUT = 30.0  # seconds without an answer
_PAUSES = (0.5, 2.0)  # seconds before the second and the third try


@dataclass(frozen=True)
class Store:
    """A folder with data sets: the user's own copy, or the download cache.

    Parameters
    ----------
    root : Path
        Holds ``olmedo2026``.
    origin : str
        Who chose ``root``, for messages.
    own : bool
        Whether it is the user's own copy: never written to, and a file that differs from the
        published one is used, with a note.
    """

    root: Path
    origin: str
    own: bool

    def path(self, file: str) -> Path:
        """Return where ``file`` (a path below the authors' data folder) is or would be."""
        return self.root / _COLLECTION / file

    def has(self, file: str) -> bool:
        """Return whether the file is there (and whole, in the cache)."""
        path = self.path(file)
        if not path.is_file():
            return False
        return self.own or path.stat().st_size == published_files()[file].bytes


def find_store(data: str | os.PathLike[str] | None = None, collection: str = _COLLECTION) -> Store:
    """Return the store to read: ``data``, else the variable ARBMODELS_DATA, else the cache.

    ``collection`` is the folder that is sought in it, for messages.

    Raises
    ------
    InputError
        If the folder that was named does not exist.
    """
    named, origin = (data, "data") if data else (os.environ.get(DATA_VARIABLE), DATA_VARIABLE)
    if named:
        root = Path(os.path.expanduser(named))
        if not os.path.isdir(root):
            raise InputError(f"{origin}={root} is not a folder. Name the one with {collection}/.")
        return Store(root, f"{origin}={root}", own=True)
    import pooch

    cache = os.environ.get(CACHE_VARIABLE)
    root = Path(os.path.expanduser(cache)) if cache else Path(pooch.os_cache("arbmodels"))
    return Store(root, f"cache {root}", own=False)


def provide(dataset: Published, models: Sequence[str], store: Store) -> tuple[str, ...]:
    """See to it that the files of ``models`` are in ``store``; return notes for the reader.

    Raises
    ------
    InputError
        If the user's own copy lacks a file.
    DownloadError
        If a file cannot be downloaded; the cache then has only whole, checked files.
    """
    needed = [dataset.file(model) for model in models]
    if not store.own:
        _download(dataset, needed, store)
        return ()
    missing = [file for file in needed if not store.has(file)]
    if missing:
        raise InputError(
            f"{dataset.name}: {store.origin} lacks"
            f" {', '.join(f'{_COLLECTION}/{file}' for file in missing)}."
            f" Put {_files(missing)} there from {base_url()}, choose other models, or download"
            f" {_files(needed)} by going without {store.origin.partition('=')[0]}."
        )
    return tuple(
        f"{store.path(file)} differs from the published file (checksum)"
        for file in needed
        if hashlib.sha256(store.path(file).read_bytes()).hexdigest()
        != published_files()[file].sha256
    )


def _download(dataset: Published, needed: Sequence[str], store: Store) -> None:
    """Fetch what the cache lacks; a file gets its name only after its checksum is right."""
    present = all(store.has(file) for file in needed)
    with tqdm(
        total=sum(published_files()[file].bytes for file in needed),
        desc=dataset.name,
        unit="B",
        unit_scale=True,
        disable=present or None,  # None: shown in a terminal only
    ) as progress:
        for file in needed:
            _fetch_file(dataset, needed, file, store)
            progress.update(published_files()[file].bytes)


def _fetch_file(dataset: Published, needed: Sequence[str], file: str, store: Store) -> None:
    url = f"{base_url()}/{file}"
    try:
        retrieve(url, store.path(file), published_files()[file].sha256)
    except (OSError, ValueError) as error:
        # Its text says what happened; the layers of a connection below would bury it.
        raise DownloadError(_remedy(dataset, needed, url, error, store)) from None


def retrieve(url: str, target: Path, sha256: str | None) -> None:
    """Download ``url``; the file gets its name ``target`` only when it is whole.

    A passing failure is tried again. ``sha256`` is None where only what is made of the file can be
    checked.

    Raises
    ------
    OSError, ValueError
        Of the last try: no connection, no such file, cache not writable, wrong checksum.
    """
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)  # the progress bar says it already
    for pause in (*_PAUSES, None):
        try:
            pooch.retrieve(
                url,
                known_hash=None if sha256 is None else f"sha256:{sha256}",
                fname=target.name,
                path=target.parent,
                downloader=pooch.HTTPDownloader(timeout=_TIMEOUT),
            )
        except (OSError, ValueError) as error:  # requests' errors are OSErrors
            if pause is None or _final(error):
                raise
            time.sleep(pause)
        else:
            return


def _final(error: Exception) -> bool:
    """Return whether the answer (such as 404) would be the same again."""
    status = getattr(getattr(error, "response", None), "status_code", 0)
    return _unwritable(error) or 400 <= status < 500


def _unwritable(error: Exception) -> bool:
    """Return whether the cache is to blame; errors of the connection carry no number."""
    return isinstance(error, PermissionError) or getattr(error, "errno", None) is not None


def failure(error: Exception) -> tuple[str, str]:
    """Return why a download failed, and what to do to try again."""
    reason = " ".join(str(error).split())
    if isinstance(error, ValueError) and "hash" in reason:
        reason = "what arrived is not the published file (wrong checksum: cut short or changed)"
    if _unwritable(error):
        return (
            f"the cache folder cannot be written: {reason}",
            f"name another cache folder with {CACHE_VARIABLE}",
        )
    return reason, f"try again with a connection, or name a mirror with {URL_VARIABLE}"


def _remedy(
    dataset: Published, needed: Sequence[str], url: str, error: Exception, store: Store
) -> str:
    reason, again = failure(error)
    return (
        f"{dataset.name}: could not download {url}\n  {reason}\n"
        f"Nothing wrong was kept in the {store.origin}. Do one of these:\n"
        f"  - {again};\n"
        f"  - elsewhere, get {', '.join(needed)} from {base_url()}, put them here as"
        f" FOLDER/{_COLLECTION}/{needed[0]} and so on, and set {DATA_VARIABLE}=FOLDER;\n"
        f'  - use the bundled simulated market: load_market("{SIMULATED}").'
    )


def _files(files: Sequence[str]) -> str:
    size = sum(published_files()[file].bytes for file in files)
    return f"{len(files)} file{'s' if len(files) > 1 else ''} ({size / 1e6:.1f} MB)"


def base_url(published: str | None = None) -> str:
    """Return the address to download from: the mirror if one is named, else the published one."""
    return (os.environ.get(URL_VARIABLE) or published or published_url()).rstrip("/")
