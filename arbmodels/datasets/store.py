"""Where the files of a published data set are, and how they get there."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from arbmodels.datasets.catalogue import (
    SIMULATED,
    Published,
    published_files,
    published_url,
)
from arbmodels.errors import DownloadError, InputError

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
