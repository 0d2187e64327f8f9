"""What every figure shares: its record, the published values, and the files it writes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import Any, Protocol

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

import arbmodels as arb
from paper_figures.style import STYLE

#: Plain values, ready for JSON. ``record["values"]["authors" | "exact"]`` maps the names of the
#: published values to what each method gives; the other keys belong to the figure.
Record = dict[str, Any]

#: Written into every file, so that the runner knows which files it may replace.
MADE_BY = "arbmodels paper_figures"
#: Ends of the names of a figure's pictures, and of the caption beside a plain one.
PICTURES, PLAIN = (".pdf", ".png"), ("_plain.pdf", "_plain.png", "_plain.txt", "_plain.tex")
#: Characters of a line below a picture, and inches that it takes; inches of the title above it.
_LINE, _LINE_HEIGHT, _TITLE_HEIGHT = 76, 0.1, 0.13
#: What LaTeX reads otherwise than it stands there.
_TEX = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "%&#_$"},
        "\u00d7": r"$\times$",
        "\u03b5": r"$\varepsilon$",
    }
)


@dataclass(frozen=True)
class Published:
    """A number the paper reports.

    Parameters
    ----------
    name : str
        The same as in the record's values.
    value : float or None
        None: the paper says that there is no such value.
    tolerance : float
        The authors' method is reproduced if it is off by no more than this, in ``unit``.
    unit : str
    """

    name: str
    value: float | None
    tolerance: float
    unit: str


@dataclass(frozen=True)
class Compared(Published):
    """A published value beside what the authors' method and the exact one give here."""

    authors: float | None
    exact: float | None

    @property
    def reproduced(self) -> bool:
        """Whether the authors' method gives the published value."""
        if self.value is None or self.authors is None:
            return self.value is self.authors
        return abs(self.authors - self.value) <= self.tolerance


class FigureFile(Protocol):
    """What a file ``figure_<number>_<subject>.py`` offers.

    It may also have ``simulated()``, its market where the published data is not at hand (else the
    bundled simulated one), and ``QUICK``, arguments of ``compute`` for a quick look.
    """

    __name__: str
    #: Name of the published data set.
    DATA: str
    #: Above the picture, and at the beginning of its caption.
    TITLE: str
    #: What is drawn, and what was assumed, to a reader who sees the picture for the first time.
    CAPTION: str

    @property
    def MODELS(self) -> tuple[str, ...]:  # noqa: N802 - a constant of the file
        """The models of the figure, in the order of the cascade."""
        ...

    @property
    def PUBLISHED(self) -> tuple[Published, ...]:  # noqa: N802 - a constant of the file
        """What the paper reports."""
        ...

    @property
    def compute(self) -> Callable[..., Record]:
        """From a market, everything the figure shows, by the authors' method and the exact one."""
        ...

    def draw(self, record: Record, /) -> Figure:
        """Draw a record, freshly computed or read from its file: panels and legend, no words."""
        ...


def figure_name(figure: FigureFile) -> str:
    """Return the name of the figure's files."""
    return figure.__name__.rpartition(".")[-1]


def compare(published: Sequence[Published], record: Record) -> list[Compared]:
    """Set the published values beside the record's.

    Raises
    ------
    KeyError
        If the record lacks a published value: a mistake in ``compute``.
    """
    authors, exact = record["values"]["authors"], record["values"]["exact"]
    return [
        Compared(**asdict(each), authors=authors[each.name], exact=exact.get(each.name))
        for each in published
    ]


def describe(market: arb.Market) -> dict[str, Any]:
    """Return what a record says about its market."""
    return {
        "name": market.name,
        "simulated": market.simulated,
        "models": list(market.models),
        "instances": len(market.instances),
        "currency": market.currency,
        "work": "theorems" if market.currency == "FLOPs" else "issues",
    }


def plain(values: npt.ArrayLike, scale: float = 1.0) -> Any:
    """Return ``scale`` times the values as lists of floats, None where undefined.

    Eight significant digits are more than a picture shows and keep the files small.
    """
    array = scale * np.asarray(values, dtype=float)
    if array.ndim == 0:
        return float(array) if np.isfinite(array) else None
    if array.ndim > 1:
        return [plain(row) for row in array]
    return [float(f"{value:.8g}") if np.isfinite(value) else None for value in array]


def at(rates: npt.NDArray[np.float64], values: npt.NDArray[np.float64], target: float) -> float:
    """Return the value at a solve rate, linear between the grid's; NaN outside their range."""
    return float(np.interp(target, rates, values, left=np.nan, right=np.nan))


def thinned(count: int, kept: int = 251) -> npt.NDArray[np.int64]:
    """Return the positions of ``kept`` of ``count`` points, evenly spread, both ends included.

    The authors' grid of 1,000 solve rates is finer than a picture shows.
    """
    return np.unique(np.linspace(0, count - 1, kept).astype(np.int64))


def drawable(values: Mapping[str, Any]) -> dict[str, npt.NDArray[np.float64]]:
    """Return the lists that :func:`plain` made as arrays, NaN where undefined; no other values."""
    return {
        name: np.array(each, dtype=float) for name, each in values.items() if isinstance(each, list)
    }


#: What changes how figures look, and none of their numbers.
_LOOKS = {Path(__file__).with_name(name) for name in ("style.py", "__main__.py")}


def fingerprint(figure: FigureFile, market: arb.Market, options: Mapping[str, Any]) -> str:
    """Return a digest of all that a record depends on: the data, the options, and the code.

    How figures look is no part of it.
    """
    digest = sha256(f"{arb.__version__} {figure_name(figure)} {dict(options)}".encode())
    digest.update(repr((market.models, market.instances, market.segment)).encode())
    for array in (market.attempts, market.successes, market.cost, market.weight):
        digest.update(np.ascontiguousarray(array).tobytes())
    for path in sorted(set(Path(__file__).parent.glob("*.py")) - _LOOKS):
        if not path.name.startswith("figure_") or path.stem == figure_name(figure):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def stored(figure: FigureFile, folder: Path, inputs: str) -> Record | None:
    """Return the record that is there already, if it was made from the same inputs."""
    try:
        record: Record = json.loads(record_of(figure, folder).read_text(encoding="utf-8"))
        return record if record["inputs"] == inputs else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_record(
    figure: FigureFile, record: Record, comparison: Sequence[Compared], folder: Path
) -> None:
    """Write the record as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "made_by": f"{MADE_BY} {arb.__version__}",
        "figure": figure_name(figure),
        **record,
        "published": [{**asdict(each), "reproduced": each.reproduced} for each in comparison],
    }
    _write_whole(record_of(figure, folder), _json(content).encode())


def data_of(record: Record) -> str:
    """Return in words what a picture shows the data of."""
    market = record["market"]
    kind = "simulated market" if market["simulated"] else "recorded attempts"
    return f"{kind}, {market['instances']} {market['work']}"


def caption(figure: FigureFile, record: Record) -> str:
    """Return what stands below a picture: what is drawn, what is proven, what holds out."""
    missing = f" ({record['missing']}.)" if record.get("missing") else ""
    return f"{figure.CAPTION} {record['certificate']} {record['validation']}{missing}"


def picture(figure: FigureFile, record: Record, *, plain: bool = False) -> Figure:
    """Draw a record in the house style, whatever the caller's settings.

    Parameters
    ----------
    figure : FigureFile
    record : dict
    plain : bool
        Leave away the title and the words below, which stand in a caption then.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        drawing = figure.draw(record)
        if not plain:
            lines = wrap(caption(figure, record), _LINE, break_on_hyphens=False)
            height = _TITLE_HEIGHT + _LINE_HEIGHT * len(lines)
            drawing.set_figheight(drawing.get_figheight() + height)
            title = f"{figure.TITLE} ({data_of(record)})"
            legends = drawing.legends or [drawing.legend([], [], loc="outside upper center")]
            legends[0].set_title(title, FontProperties(size=8.0))
            drawing.supxlabel("\n".join(lines), x=0.02, ha="left", fontsize=6, linespacing=1.15)
    return drawing


def write_pictures(
    figure: FigureFile, record: Record, folder: Path, *, plain: bool = False
) -> list[Path]:
    """Write the picture as PDF and PNG, a plain one with its caption; return the files."""
    paths = files_of(figure, folder, plain=plain)
    drawing = picture(figure, record, plain=plain)
    # No date in the file: the same record gives the same bytes.
    metadata = {".pdf": {"Creator": MADE_BY, "CreationDate": None}, ".png": {"Software": MADE_BY}}
    for path in paths:
        content = BytesIO()
        if path.suffix in metadata:
            with mpl.rc_context(STYLE):
                drawing.savefig(
                    content, format=path.suffix[1:], metadata=metadata[path.suffix], dpi=300
                )
        else:
            content.write(_words(figure, record, path).encode())
        _write_whole(path, content.getvalue())
    return paths


def _words(figure: FigureFile, record: Record, path: Path) -> str:
    """Return the caption as text, or for LaTeX as a figure to be read with its input command."""
    words = f"{figure.TITLE} ({data_of(record)}). {caption(figure, record)}"
    made = f"Drawn by {MADE_BY} {arb.__version__}."
    if path.suffix == ".txt":
        return f"{words}\n\n{made}\n"
    return f"""% {made}
\\begin{{figure}}
  \\centering
  \\includegraphics{{{path.stem}}}
  \\caption{{{words.translate(_TEX)}}}
  \\label{{fig:{path.stem.removesuffix("_plain")}}}
\\end{{figure}}
"""


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it: on a full disk the one of before stays."""
    draft = path.with_name(f"{path.name}.part")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _json(content: Record) -> str:
    """Return JSON with one line per part of the record: short, and fit for a look or a diff."""
    parts = (
        f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}"
        for key, value in content.items()
    )
    return "{\n" + ",\n".join(parts) + "\n}\n"


def record_of(figure: FigureFile, folder: Path) -> Path:
    """Return the file of a figure's numbers, there or not."""
    return folder / f"{figure_name(figure)}.json"


def files_of(figure: FigureFile, folder: Path, *, plain: bool = False) -> list[Path]:
    """Return the files of a figure's pictures, there or not."""
    return [folder / f"{figure_name(figure)}{end}" for end in (PLAIN if plain else PICTURES)]


def foreign_files(places: Sequence[tuple[FigureFile, Path]], *, plain: bool = False) -> list[Path]:
    """Return the files in the way, of figures and folders, that this program did not write."""
    paths = (
        path
        for figure, folder in places
        for path in (record_of(figure, folder), *files_of(figure, folder, plain=plain))
    )
    return [path for path in paths if path.exists() and not _is_ours(path)]


def _is_ours(path: Path) -> bool:
    return path.is_file() and MADE_BY.encode() in path.read_bytes()
