"""The data sets that have a name: what they are, which files they have, and their checksums."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from arbmodels.errors import InputError

SIMULATED = "swebench-sim"
#: Its table is made of many files: :mod:`arbmodels.datasets.routellm`.
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

NAMES = (SIMULATED, *PUBLISHED, ROUTELLM)


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
