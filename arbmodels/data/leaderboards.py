"""Public leaderboards with outcomes and costs per instance, by name.

They are read from your own copy or downloaded at a pinned commit, each file checked against its
checksum; none is shipped.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from tqdm import tqdm

from arbmodels.data.download import (
    DATA_VARIABLE,
    URL_VARIABLE,
    PublishedFile,
    Store,
    base_url,
    failure,
    retrieve,
)
from arbmodels.errors import DownloadError, InputError


@dataclass(frozen=True)
class Leaderboard:
    """A leaderboard that is fetched from its repository.

    Parameters
    ----------
    name, description, source, licence, url : str
        ``source`` is repository, path and commit; ``url`` the address of that commit's files.
    folder, load : str
        Where the files are below a data folder, and what of it is loaded.
    benchmark : str
        Which one of those in the files.
    models : tuple of str
    instances : int
    files : mapping of path below ``folder`` to (path below ``url``, size and checksum)
    """

    name: str
    description: str
    source: str
    licence: str
    url: str
    folder: str
    load: str
    benchmark: str
    models: tuple[str, ...]
    instances: int
    files: Mapping[str, tuple[str, PublishedFile]]

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(facts.bytes for _, facts in self.files.values())

    def path(self, store: Store) -> Path:
        """Return what is loaded, or would be."""
        return store.root / self.folder / self.load

    def present(self, store: Store) -> bool:
        """Whether all files are there (and whole, in the cache)."""
        for file, (_, facts) in self.files.items():
            path = store.root / self.folder / file
            if not path.is_file() or not (store.own or path.stat().st_size == facts.bytes):
                return False
        return True


@cache
def leaderboards() -> Mapping[str, Leaderboard]:
    """Return the leaderboards that have a name."""
    text = files("arbmodels").joinpath("data", "leaderboards.json").read_text(encoding="utf-8")
    found = {}
    for name, entry in json.loads(text).items():
        listed = {
            path: (facts["remote"], PublishedFile(facts["bytes"], facts["sha256"]))
            for path, facts in entry.pop("files").items()
        }
        models = tuple(entry.pop("models"))
        found[name] = Leaderboard(name=name, files=listed, models=models, **entry)
    return found


def provide_leaderboard(board: Leaderboard, store: Store) -> tuple[str, ...]:
    """See to it that a leaderboard's files are in ``store``; return notes for the reader.

    Raises
    ------
    InputError
        If the user's own copy lacks a file.
    DownloadError
        If a file cannot be downloaded; the cache then has only whole, checked files.
    """
    places = {file: store.root / board.folder / file for file in board.files}
    if not store.own:
        _download(board, places, store)
        return ()
    lacking = [file for file, path in places.items() if not path.is_file()]
    if lacking:
        shown = ", ".join(f"{board.folder}/{file}" for file in lacking[:3])
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        raise InputError(
            f"{board.name}: {store.origin} lacks {shown}{more}. Put {len(lacking)} files there from"
            f" {base_url(board.url)}, or download {board.bytes / 1e6:.1f} MB by going without"
            f" {store.origin.partition('=')[0]}."
        )
    return tuple(
        f"{path} differs from the published file (checksum)"
        for file, path in places.items()
        if hashlib.sha256(path.read_bytes()).hexdigest() != board.files[file][1].sha256
    )


def _download(board: Leaderboard, places: Mapping[str, Path], store: Store) -> None:
    present = board.present(store)
    with tqdm(
        total=board.bytes,
        desc=board.name,
        unit="B",
        unit_scale=True,
        disable=present or None,  # None: shown in a terminal only
    ) as progress:
        for file, path in places.items():
            remote, facts = board.files[file]
            url = f"{base_url(board.url)}/{remote}"
            try:
                retrieve(url, path, facts.sha256)
            except (OSError, ValueError) as error:
                reason, again = failure(error)
                raise DownloadError(
                    f"{board.name}: could not download {url}\n  {reason}\n"
                    f"Nothing wrong was kept in the {store.origin}. Do one of these:\n"
                    f"  - {again};\n"
                    f"  - elsewhere, get {len(places)} files from {base_url(board.url)}, put them"
                    f" here as FOLDER{os.sep}{board.folder}/{file} and so on, and set"
                    f" {DATA_VARIABLE}=FOLDER ({URL_VARIABLE} names a mirror);\n"
                    '  - use the bundled simulated market: load_market("swebench-sim").'
                ) from None
            progress.update(facts.bytes)
