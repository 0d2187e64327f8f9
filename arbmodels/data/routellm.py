"""RouteLLM's benchmark outcomes: 15,361 questions, two models, what is known before routing.

Source: Ong et al. (2024), "RouteLLM: Learning to Route LLMs with Preference Data", arXiv
2406.18665; repository lm-sys/RouteLLM, Apache-2.0. Answers of Mixtral 8x7B and GPT-4 (1106 preview)
to MMLU (57 subjects) and GSM8K, each right or wrong.

Where RouteLLM's table of outcomes is, and how it is made from the published files.

The repository lm-sys/RouteLLM (Apache-2.0) publishes one file of outcomes per MMLU subject and one
for GSM8K. They are downloaded at pinned commits, put together without the texts, and the result is
checked against the checksum of the table that this package was tested with.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from arbmodels._checks import SMALLEST
from arbmodels._pandas import pd
from arbmodels.data.download import (
    DATA_VARIABLE,
    QUESTIONS,
    ROUTELLM,
    Store,
    base_url,
    failure,
    find_store,
    retrieve,
)
from arbmodels.data.simulate import simulated_features
from arbmodels.errors import DataError, DownloadError, InputError
from arbmodels.market import Market

#: Below a data folder.
FOLDER, FILE = "routellm", "outcomes.csv"
#: Of the table.
BYTES = 843902
SHA256 = "731ad9ad70d015ed930c7242586959cf26d18972533b045ae258159cfebb2eed"

COLUMNS = (
    "benchmark",
    "segment",
    "instance",
    "prompt_chars",
    "mixtral_8x7b_correct",
    "gpt4_1106_correct",
    "mixtral_8x7b_response_chars",
    "gpt4_1106_response_chars",
)

_REPOSITORY = "https://raw.githubusercontent.com/lm-sys/RouteLLM"
#: Commits at which the files of outcomes per subject, and that of GSM8K, are as read here.
_MMLU_COMMIT = "c5e4ef6ccba7c2da2c6a380242dfe1e390e209b1"
_GSM8K_COMMIT = "c2ad69388688796a93a4424e7a0dc9072ea372d2"
_GSM8K = "routellm/evals/gsm8k/gsm8k_responses.csv"

_SUBJECTS = """
abstract_algebra anatomy astronomy business_ethics clinical_knowledge college_biology
college_chemistry college_computer_science college_mathematics college_medicine college_physics
computer_security conceptual_physics econometrics electrical_engineering elementary_mathematics
formal_logic global_facts high_school_biology high_school_chemistry high_school_computer_science
high_school_european_history high_school_geography high_school_government_and_politics
high_school_macroeconomics high_school_mathematics high_school_microeconomics high_school_physics
high_school_psychology high_school_statistics high_school_us_history high_school_world_history
human_aging human_sexuality international_law jurisprudence logical_fallacies machine_learning
management marketing medical_genetics miscellaneous moral_disputes moral_scenarios nutrition
philosophy prehistory professional_accounting professional_law professional_medicine
professional_psychology public_relations security_studies sociology us_foreign_policy virology
world_religions
"""
SUBJECTS = tuple(_SUBJECTS.split())


def location(store: Store) -> Path:
    """Return where the table is, or would be."""
    return store.root / FOLDER / FILE


def present(store: Store) -> bool:
    """Return whether the table is there (and whole, in the cache)."""
    path = location(store)
    return path.is_file() and (store.own or path.stat().st_size == BYTES)


def provide_table(store: Store) -> tuple[Path, tuple[str, ...]]:
    """See to it that the table is in ``store``; return its path, and notes for the reader.

    Raises
    ------
    InputError
        If the user's own copy lacks it.
    DownloadError
        If a published file cannot be downloaded, or the table made of them is not the tested one.
    """
    path = location(store)
    if store.own and not path.is_file():
        raise InputError(
            f"routellm: {store.origin} lacks {FOLDER}/{FILE}. Put the table there (columns"
            f" {', '.join(COLUMNS)}), or have it made from the published files in the cache folder"
            f" by going without {store.origin.partition('=')[0]}."
        )
    differs = not path.is_file() or _checksum(path.read_bytes()) != SHA256
    if store.own:
        return path, (f"{path} differs from the tested table (checksum)",) * differs
    if differs:
        _make(store)
    return path, ()


def _make(store: Store) -> None:
    """Download the published files, put them together, and keep the table if it is right."""
    path = location(store)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            sources = _download(Path(folder), store)
            table = assemble(sources).encode()
            if _checksum(table) != SHA256:
                raise DownloadError(
                    "routellm: the table made of the published files is not the tested one (wrong"
                    f" checksum: a file at {base_url(_REPOSITORY)} was cut short or changed)."
                    f" Nothing was kept. Try again, or get the table as {FOLDER}/{FILE} and set"
                    f" {DATA_VARIABLE} to the folder that holds {FOLDER}/."
                )
            (Path(folder) / FILE).write_bytes(table)
            os.replace(Path(folder) / FILE, path)
    except OSError as error:
        raise DownloadError(_remedy(str(path), error, store)) from error


def _download(folder: Path, store: Store) -> list[tuple[str, str, str]]:
    """Return benchmark, segment and text of every published file."""
    files = [("mmlu", subject, *_mmlu(subject)) for subject in SUBJECTS]
    files.append(("gsm8k", "gsm8k", base_url(f"{_REPOSITORY}/{_GSM8K_COMMIT}"), _GSM8K))
    found = []
    for benchmark, segment, base, file in tqdm(
        files,
        desc="routellm",
        unit="file",
        disable=None,  # shown in a terminal only
    ):
        target = folder / f"{segment}.csv"
        try:
            retrieve(f"{base}/{file}", target, None)
        except (OSError, ValueError) as error:
            raise DownloadError(_remedy(f"{base}/{file}", error, store)) from error
        found.append((benchmark, segment, target.read_bytes().decode("utf-8", errors="replace")))
    return found


def _mmlu(subject: str) -> tuple[str, str]:
    base = base_url(f"{_REPOSITORY}/{_MMLU_COMMIT}")
    return base, f"routellm/evals/mmlu/responses/mmlu_{subject}.csv"


def assemble(sources: list[tuple[str, str, str]]) -> str:
    """Return the table as text: what was asked, answered and right, without the words.

    Parameters
    ----------
    sources : list of (benchmark, segment, text)
        Each text is a published file: prompt, whether Mixtral and GPT-4 were right and, for GSM8K,
        their answers. Lengths are counted in characters.
    """
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(COLUMNS)
    for benchmark, segment, text in sources:
        for number, row in enumerate(_rows(text)):
            prompt, weak, strong, *answers = row
            right = [int(answer == "True") for answer in (weak, strong)]
            lengths = [str(len(answer)) for answer in answers] or ["", ""]
            name = f"{segment}-{number}"
            writer.writerow([benchmark, segment, name, len(prompt), *right, *lengths])
    return lines.getvalue()


def _rows(text: str) -> Iterator[list[str]]:
    """Return the rows of a published file below its header."""
    rows = csv.reader(io.StringIO(text, newline=""))
    next(rows, None)
    return (row for row in rows if len(row) >= 3)


def _remedy(what: str, error: Exception, store: Store) -> str:
    reason, again = failure(error)
    return (
        f"routellm: could not get {what}\n  {reason}\n"
        f"Nothing wrong was kept in the {store.origin}. Do one of these:\n"
        f"  - {again};\n"
        f"  - get the table as FOLDER/{FOLDER}/{FILE} and set {DATA_VARIABLE}=FOLDER;\n"
        '  - use the bundled simulated market: load_market("swebench-sim").'
    )


def _checksum(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


DESCRIPTION = "Mixtral 8x7B and GPT-4 (1106) on 15,361 questions of MMLU and GSM8K (RouteLLM, 2024)"
LICENCE = "Apache-2.0 (lm-sys/RouteLLM); downloaded without the texts, not shipped"

#: Model -> the beginning of its columns in the table.
_COLUMN = {"mixtral-8x7b": "mixtral_8x7b", "gpt4-1106": "gpt4_1106"}
ROUTELLM_MODELS = tuple(_COLUMN)
#: What is known before a question is answered. The lengths of the answers are not.
_FEATURES = ["benchmark", "segment", "prompt_chars"]

_REMEDY = "Restore the file, or go without your own copy to have it made from the published files."


@dataclass(frozen=True)
class TokenPrice:
    """List price of a model.

    Parameters
    ----------
    input, output : float, USD per million tokens
        Of the prompt and of the answer; not negative.

    Raises
    ------
    InputError
        If a price is negative or not finite, or both are zero.
    """

    input: float
    output: float

    def __post_init__(self) -> None:
        if not (0 <= self.input < np.inf and 0 <= self.output < np.inf and self.input > SMALLEST):
            raise InputError(
                f"a token price of {self.input!r} (input) and {self.output!r} (output) cannot be"
                " used. Give USD per million tokens: input above 0, output 0 or more."
            )


#: List prices at the time of the answers (GPT-4 Turbo 1106: its maker's; Mixtral 8x7B: a host's).
#: The paper averages them over its own traffic: 24.7 and 0.24 USD per million tokens.
ROUTELLM_PRICES: Mapping[str, TokenPrice] = {
    "mixtral-8x7b": TokenPrice(0.6, 0.6),
    "gpt4-1106": TokenPrice(10.0, 30.0),
}


def routellm_market(
    *,
    prices: Mapping[str, TokenPrice] | None = None,
    characters_per_token: float = 4.0,
    data: str | os.PathLike[str] | None = None,
) -> Market:
    r"""Return the market of the RouteLLM outcomes: one attempt per question and model.

    The data has outcomes and lengths, no bills. The price of an attempt is therefore an assumption,

    .. math:: q_{im} = 10^{-6} (\pi^{in}_m |prompt_i| + \pi^{out}_m |answer_{im}|) / \kappa

    with lengths in characters, kappa characters per token and prices per million tokens. Worked
    examples that were put before a question are not in the table and not charged. MMLU answers are
    one letter and have no recorded length: one token.

    Parameters
    ----------
    prices : mapping model -> TokenPrice, optional
        :data:`ROUTELLM_PRICES` by default.
    characters_per_token : float
        kappa; 4 is the common rule of thumb for English.
    data : path, optional
        Your copy of the data (``routellm/outcomes.csv`` in it), instead of ARBMODELS_DATA.

    Returns
    -------
    Market
        Segments are the 57 MMLU subjects and ``gsm8k``; costs in USD.

    Raises
    ------
    InputError
        If a price is missing or cannot be used, or your copy lacks the table.
    DataError
        If the table is damaged.
    DownloadError
        If the published files cannot be downloaded.

    References
    ----------
    Ong et al., *RouteLLM: learning to route LLMs with preference data*, arXiv 2406.18665 (2024).

    Hendrycks et al., *Measuring massive multitask language understanding*, ICLR (2021).

    Cobbe et al., *Training verifiers to solve math word problems*, arXiv 2110.14168 (2021).
    """
    price = dict(ROUTELLM_PRICES if prices is None else prices)
    wrong = set(price) ^ set(_COLUMN)
    if wrong:
        raise InputError(
            f"prices must name exactly {', '.join(_COLUMN)}; {', '.join(map(repr, sorted(wrong)))}"
            " is missing or unknown. Change a copy of ROUTELLM_PRICES."
        )
    if not 0 < characters_per_token < np.inf:
        raise InputError(f"characters_per_token must be positive, not {characters_per_token!r}.")
    table, notes = _table(data)
    prompt = table["prompt_chars"].to_numpy(float) / characters_per_token
    cost = np.empty((len(table), len(_COLUMN)))
    for m, (model, column) in enumerate(_COLUMN.items()):
        answer = table[f"{column}_response_chars"].to_numpy(float) / characters_per_token
        tokens = np.where(np.isnan(answer), 1.0, answer)
        cost[:, m] = 1e-6 * (price[model].input * prompt + price[model].output * tokens)
    listed = ", ".join(
        f"{model} {price[model].input:g}/{price[model].output:g}" for model in _COLUMN
    )
    return Market(
        tuple(_COLUMN),
        tuple(table.index),
        np.ones(cost.shape, dtype=int),
        table[[f"{column}_correct" for column in _COLUMN.values()]].to_numpy(),
        cost,
        segment=tuple(table["segment"]),
        name=ROUTELLM,
        notes=(
            *notes,
            "costs are an assumption: list prices in USD per million input/output tokens"
            f" ({listed}), {characters_per_token:g} characters per token, a one-letter answer is"
            " one token; worked examples before the question are not charged",
        ),
    )


def load_features(
    name: str = ROUTELLM, *, data: str | os.PathLike[str] | None = None
) -> pd.DataFrame:
    """Return what is known of every instance before it is served, for ``predict.cross_fit``.

    Parameters
    ----------
    name : str
        A data set with features: "routellm", or "questions-sim", which is simulated and bundled.
    data : path, optional
        Your copy of the data, as in :func:`load_market`.

    Returns
    -------
    DataFrame [N rows], indexed by instance
        ``segment`` (text) and ``prompt_chars`` (characters of the question); of "routellm" also
        ``benchmark``. Lengths of answers are left out: they are outcomes.

    Raises
    ------
    InputError
        If the data set has no features, or your copy lacks the table.
    DataError, DownloadError
        As for :func:`routellm_market`.

    References
    ----------
    Ong et al., *RouteLLM: learning to route LLMs with preference data*, arXiv 2406.18665 (2024).
    """
    if name == QUESTIONS:
        return simulated_features()
    if name != ROUTELLM:
        raise InputError(
            f"{name!r} has no table of features; {ROUTELLM!r} and {QUESTIONS!r} have. For other"
            " data, make a DataFrame with one row per instance, indexed by instance."
        )
    return _table(data)[0][_FEATURES]


def _table(data: str | os.PathLike[str] | None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the checked table, indexed by instance, and notes."""
    path, notes = provide_table(find_store(data, FOLDER))
    try:
        table = pd.read_csv(
            path,
            dtype=dict.fromkeys(COLUMNS[:3], str),
            keep_default_na=False,
            na_values=dict.fromkeys(COLUMNS[-2:], ""),
        )
    except (OSError, ValueError) as error:
        raise DataError(str(path), [" ".join(str(error).split())], _REMEDY) from error
    problems = _problems(path, table)
    if problems:
        raise DataError(str(path), problems, _REMEDY)
    return table.set_index("instance"), notes


def _problems(path: Path, table: pd.DataFrame) -> list[str]:
    """Return one line per problem, with its place."""
    absent = [column for column in COLUMNS if column not in table]
    if absent or not len(table):
        return [f"columns missing: {', '.join(absent)}" if absent else "no rows"]
    number = {column: pd.to_numeric(table[column], errors="coerce") for column in COLUMNS[3:]}
    named = table["instance"].str.strip().ne("") & ~table["instance"].duplicated()
    good = {
        "instance is empty or appears twice": named,
        "prompt_chars is not a positive number": number["prompt_chars"].between(1, 1e9),
    }
    for column in COLUMNS[4:6]:
        good[f"{column} is neither 0 nor 1"] = number[column].isin([0, 1])
    for column in COLUMNS[6:]:
        empty = table[column].isna()
        good[f"{column} is not a length"] = empty | number[column].between(0, 1e9)
    return [
        f"{path.name}:{line + 2}: {text}"
        for text, fine in good.items()
        for line in np.flatnonzero(~fine.to_numpy()).tolist()
    ]
