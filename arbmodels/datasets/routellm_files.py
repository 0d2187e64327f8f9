"""Where RouteLLM's table of outcomes is, and how it is made from the published files.

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
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from arbmodels.datasets.store import DATA_VARIABLE, Store, base_url, failure, retrieve
from arbmodels.errors import DownloadError, InputError

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
