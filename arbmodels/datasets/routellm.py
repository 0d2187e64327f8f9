"""RouteLLM's benchmark outcomes: 15,361 questions, two models, what is known before routing.

Source: Ong et al. (2024), "RouteLLM: Learning to Route LLMs with Preference Data", arXiv
2406.18665; repository lm-sys/RouteLLM, Apache-2.0. Answers of Mixtral 8x7B and GPT-4 (1106 preview)
to MMLU (57 subjects) and GSM8K, each right or wrong.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from arbmodels.checks import SMALLEST
from arbmodels.datasets.catalogue import ROUTELLM
from arbmodels.datasets.routellm_files import COLUMNS, FOLDER, provide_table
from arbmodels.datasets.store import find_store
from arbmodels.errors import DataError, InputError
from arbmodels.market import Market

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
    """Return what is known of every instance before it is served, for :func:`arbmodels.cross_fit`.

    Parameters
    ----------
    name : str
        A data set with features; "routellm" is the only one.
    data : path, optional
        Your copy of the data, as in :func:`load_market`.

    Returns
    -------
    DataFrame [N rows], indexed by instance
        ``benchmark``, ``segment`` (text) and ``prompt_chars`` (characters of the question). Lengths
        of answers are left out: they are outcomes.

    Raises
    ------
    InputError
        If the data set has no features, or your copy lacks the table.
    DataError, DownloadError
        As for :func:`routellm_market`.
    """
    if name != ROUTELLM:
        raise InputError(
            f"{name!r} has no table of features; {ROUTELLM!r} has. For other data, make a DataFrame"
            " with one row per instance, indexed by instance."
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
