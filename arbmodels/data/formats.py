"""Public formats of records: leaderboards, router benchmarks, evaluation logs.

Each is told by what a file says, never by its name. A reader gives rows; they are checked and
counted where all rows are (:mod:`arbmodels.data.attempts`).
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from arbmodels import _checks as check
from arbmodels.data.attempts import Reading, Rows
from arbmodels.data.opening import content_of, json_lines, parse_json, text_of
from arbmodels.errors import DataError, InputError

#: Files of a folder that are looked at, at most: a folder of records has some tens.
_MOST_FILES = 20_000
_REMEDY = "Correct the entries named; nothing was loaded."


@dataclass(frozen=True)
class Document:
    """What a file says: JSON objects, one or one per line.

    Parameters
    ----------
    path : Path
    values : list
        Objects; one for a file that is one object.
    lines : list of int
        Line of each; empty where the file is one value.
    """

    path: Path
    values: list[Any]
    lines: list[int] = field(default_factory=list)

    @property
    def keys(self) -> set[str]:
        """Keys of the first object."""
        first = self.values[0] if self.values else None
        return set(first) if isinstance(first, dict) else set()

    def place(self, k: int) -> str:
        """Where object k stands."""
        if self.lines:
            return f"{self.path.name}:{self.lines[k]}"
        return self.path.name if len(self.values) == 1 else f"{self.path.name}, record {k}"


@dataclass
class _Made:
    """Rows as they are made: columns, and where each row stands."""

    columns: dict[str, list[Any]] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, place: str, **cells: Any) -> None:
        for name in cells:
            if name not in self.columns:
                self.columns[name] = [None] * len(self.places)
        for name, column in self.columns.items():
            column.append(cells.get(name))
        self.places.append(place)

    def rows(self, source: Path) -> Rows:
        if self.problems:
            raise DataError(str(source), self.problems, _REMEDY)
        known = {
            name: column
            for name, column in self.columns.items()
            if name in ("model", "instance", "score", "cost", "segment", "attempt")
            or any(each is not None for each in column)
        }
        if all(each is None for each in known.get("cost", [None])):
            known.pop("cost", None)
        if any(each is None for each in known.get("segment", [])):
            known.pop("segment")
        return Rows(known, lambda k: self.places[k], str(source))


def document_of(file: Path, raw: bytes) -> Document | None:
    """Return what a file says if it is JSON or JSON Lines, None otherwise.

    Raises
    ------
    DataError
        If it begins as JSON and is none, with the line.
    """
    start = raw[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start not in (b"{", b"["):
        return None
    text = text_of(raw, file.name, str(file))
    head, _, rest = text.lstrip().partition("\n")
    if start == b"{" and head.rstrip().endswith("}") and rest.lstrip().startswith("{"):
        values, lines = json_lines(text, file.name, str(file))
        return Document(file, values, lines)
    value = parse_json(text, file.name, str(file))
    return Document(file, value if isinstance(value, list) else [value])


def _get(record: Any, *keys: str) -> Any:
    """Return what stands at a path of keys, None where it ends early."""
    for key in keys:
        record = record.get(key) if isinstance(record, dict) else None
    return record


def _must_be(value: Any, kind: type[Any], what: str, place: str, made: _Made) -> bool:
    if isinstance(value, kind):
        return True
    names: dict[Any, str] = {dict: "a JSON object", list: "a list"}
    made.problems.append(f"{place}: {what} must be {names[kind]}, found {check.shown(value)}")
    return False


def _tokens(usage: Any) -> dict[str, Any]:
    """Return token counts under our names, from the usual names of providers' usage records."""
    if not isinstance(usage, dict):
        return {}

    def first(*names: str) -> Any:
        return next((usage[name] for name in names if usage.get(name) is not None), None)

    return {
        "input_tokens": first("input_tokens", "prompt_tokens"),
        "output_tokens": first("output_tokens", "completion_tokens"),
        "cached_tokens": first("input_tokens_cache_read", "cache_read_input_tokens"),
        "cache_write_tokens": first("input_tokens_cache_write", "cache_creation_input_tokens"),
        "reasoning_tokens": first("reasoning_tokens"),
    }


def _leaderboard(documents: Sequence[Document], reading: Reading, source: Path) -> Rows:
    """SWE-bench's ``leaderboards.json``: results with ``per_instance_details``."""
    made = _Made()
    (document,) = documents
    boards = document.values[0]["leaderboards"]
    if not _must_be(boards, list, '"leaderboards"', document.path.name, made):
        return made.rows(source)
    known: dict[str, list[dict[str, Any]]] = {}
    for board in boards:
        results = _get(board, "results")
        if isinstance(results, list):
            known[str(_get(board, "name"))] = [each for each in results if isinstance(each, dict)]
    detailed = {
        name: [each for each in results if isinstance(each.get("per_instance_details"), dict)]
        for name, results in known.items()
    }
    wanted = reading.benchmark
    with_details = [name for name, results in detailed.items() if results]
    listed = ", ".join(
        f"{name!r} ({len(detailed[name])} of {len(results)} results with details)"
        for name, results in known.items()
    )
    if wanted is None and len(with_details) > 1:
        # The same results may stand on several boards: the one that has most of them is meant.
        names = {each: {str(r.get("folder")) for r in detailed[each]} for each in with_details}
        widest = max(with_details, key=lambda each: len(names[each]))
        if all(names[each] <= names[widest] for each in with_details):
            share = {each: len(detailed[each]) / len(known[each]) for each in with_details}
            wanted = max(with_details, key=lambda each: share[each])
    elif wanted is None and with_details:
        wanted = with_details[0]
    if wanted is None or not detailed.get(wanted):
        raise InputError(
            f"{source}: choose a leaderboard with outcomes per instance by benchmark=..., one of"
            f" {listed}."
        )
    for name, result in _named_apart(detailed[wanted]):
        details = result["per_instance_details"]
        for instance, entry in details.items():
            place = f"{document.path.name}, {name!r}, {instance!r}"
            _detail(made, place, name, instance, entry)
    return made.rows(source)


def _named_apart(results: Sequence[dict[str, Any]]) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield results by name, those of one name with the date or folder behind it."""
    times: dict[str, int] = {}
    for each in results:
        times[str(each.get("name"))] = times.get(str(each.get("name")), 0) + 1
    for each in results:
        name = str(each.get("name"))
        if times[name] > 1:
            name = f"{name} ({each.get('folder') or each.get('date')})"
        yield name.strip(), each


def _detail(made: _Made, place: str, model: str, instance: str, entry: Any) -> None:
    if not _must_be(entry, dict, "an entry", place, made):
        return
    if "resolved" not in entry:
        made.problems.append(f'{place}: "resolved" is missing; it has {_listed(entry)}')
        return
    outcome = entry["resolved"]
    if outcome is not None and not isinstance(outcome, bool):
        text = f'"resolved" must be true, false or null, found {check.shown(outcome)}'
        made.problems.append(f"{place}: {text}")
        return
    cost = entry.get("cost", math.nan)
    made.add(place, model=model, instance=instance, score=outcome, cost=cost)


def _listed(keys: Iterable[Any], most: int = 8) -> str:
    names = [repr(str(key)) for key in keys]
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "") if names else "none"


def _details(documents: Sequence[Document], reading: Reading, source: Path) -> Rows:
    """``{id: {"resolved": ..., "cost": ...}}``, one file per model; also OpenHands' index."""
    made = _Made()
    folders = {document.path.parent.name for document in documents}
    index = folders == {"instance_results"}
    if index:
        documents = _of_benchmark(documents, reading, source)
        agents = [d for d in documents if "alternative_agents" in d.path.parts]
        if len(agents) < len(documents):  # other agents with the same models: when asked for
            documents = [d for d in documents if "alternative_agents" not in d.path.parts]
        # .../AGENT/MODEL/instance_results/BENCHMARK.json
        called = {each.path: each.path.parts[-3] for each in documents}
        if len(set(called.values())) < len(called):
            called = {each.path: "/".join(each.path.parts[-4:-2]) for each in documents}
    else:
        called = {document.path: document.path.name.partition(".")[0] for document in documents}
    for document in documents:
        for instance, entry in document.values[0].items():
            place = f"{called[document.path]}/{document.path.name}, {instance!r}"
            _detail(made, place, called[document.path], instance, entry)
    return made.rows(source)


def _of_benchmark(
    documents: Sequence[Document], reading: Reading, source: Path
) -> Sequence[Document]:
    names = sorted({document.path.stem for document in documents})
    wanted = reading.benchmark
    if wanted is None and len(names) == 1:
        wanted = names[0]
    if wanted not in names:
        raise InputError(
            f"{source}: choose a benchmark by benchmark=..., one of {', '.join(map(repr, names))}."
        )
    return [document for document in documents if document.path.stem == wanted]


def _lists(documents: Sequence[Document], _: Reading, source: Path) -> Rows:
    """SWE-bench's results: lists of ids that were resolved, of those that were not."""
    made = _Made()
    for document in documents:
        model = document.path.name.partition(".")[0]
        value = document.values[0]
        key = "resolved_ids" if "resolved_ids" in value else "resolved"
        lists = {
            name: each
            for name, each in value.items()
            if isinstance(each, list) and all(isinstance(one, str) for one in each)
        }
        solved = set(lists[key])
        every = dict.fromkeys(chain.from_iterable(lists.values()))
        for instance in every:
            place = f"{document.path.name}, {instance!r}"
            made.add(place, model=model, instance=instance, score=instance in solved)
    return made.rows(source)


def _arena(documents: Sequence[Document], _: Reading, source: Path) -> Rows:
    """RouterArena's records of one answer per line."""
    made = _Made()
    for document in documents:
        for k, record in enumerate(document.values):
            place = document.place(k)
            instance = str(record.get("global_index"))
            made.add(
                place,
                model=record.get("llm_selected"),
                instance=instance,
                score=_get(record, "evaluation_result", "score"),
                cost=_get(record, "evaluation_result", "inference_cost"),
                segment=instance.rpartition("_")[0] or None,
                **_tokens(record.get("token_usage")),
            )
    return made.rows(source)


def _by_question(documents: Sequence[Document], _: Reading, source: Path) -> Rows:
    """``{question: {model: [score, cost, input tokens, output tokens]}}``."""
    made = _Made()
    for document in documents:
        for question, answers in document.values[0].items():
            place = f"{document.path.name}, {check.shown(question)}"
            if not _must_be(answers, dict, "a question's entry", place, made):
                continue
            for model, numbers in answers.items():
                here = f"{place}, {model!r}"
                if not _must_be(numbers, list, "a model's entry", here, made):
                    continue
                if len(numbers) not in (2, 4):
                    made.problems.append(
                        f"{here}: must be [score, cost] or [score, cost, input tokens, output"
                        f" tokens], found {len(numbers)} entries"
                    )
                    continue
                tokens = dict(zip(("input_tokens", "output_tokens"), numbers[2:], strict=False))
                made.add(
                    here,
                    model=model,
                    instance=question,
                    score=numbers[0],
                    cost=numbers[1],
                    **tokens,
                )
    return made.rows(source)


def _llmrouter(documents: Sequence[Document], _: Reading, source: Path) -> Rows:
    """LLMRouter's routing data: one model's answer to a query per line."""
    made = _Made()
    number: dict[tuple[str, str], str] = {}
    count: dict[str, int] = {}
    for document in documents:
        for k, record in enumerate(document.values):
            task = str(record.get("task_name") or "query")
            query = record.get("query_id") or record.get("query")
            if query is None:
                instance = task
            elif (task, str(query)) in number:
                instance = number[task, str(query)]
            else:  # a query's text is no name: the tasks' queries are numbered
                count[task] = count.get(task, 0) + 1
                instance = number[task, str(query)] = f"{task}-{count[task]}"
            made.add(
                document.place(k),
                model=record.get("model_name"),
                instance=instance,
                score=record.get("performance"),
                cost=record.get("cost"),
                segment=record.get("task_name"),
                latency=record.get("response_time"),
                **_tokens(record),
            )
    return made.rows(source)


#: Metrics of lm-evaluation-harness that say how good an answer is, between 0 and 1.
_NOT_METRICS = {"doc_id", "target", "prompt_tokens", "gen_tokens"}


def _harness(documents: Sequence[Document], reading: Reading, source: Path) -> Rows:
    """lm-evaluation-harness' ``samples_*.jsonl``: one document under one filter per line."""
    made = _Made()
    seen: dict[str, int] = {}
    metrics = sorted(
        {name for each in documents for record in each.values for name in _metrics(record)}
    )
    metric = _chosen(reading.metric, metrics, "metric", source)
    filters = sorted(
        {str(r.get("filter")) for each in documents for r in each.values if r.get("filter")}
    )
    kept = _chosen(reading.filter, filters, "filter", source) if filters else None
    for document in documents:
        model, task = _model_of(document.path), _task_of(document.path)
        for k, record in enumerate(document.values):
            if kept is not None and str(record.get("filter")) != kept:
                continue
            instance = f"{task}-{record.get('doc_id')}"
            key = f"{model}\0{instance}"
            seen[key] = seen.get(key, 0) + 1
            made.add(
                document.place(k),
                model=model,
                instance=instance,
                score=record.get(metric),
                cost=None,
                segment=task,
                attempt=str(seen[key]),
            )
    return made.rows(source)


def _metrics(record: Mapping[str, Any]) -> list[str]:
    listed = record.get("metrics")
    names = listed if isinstance(listed, list) else list(record)
    return [
        str(name)
        for name in names
        if name not in _NOT_METRICS
        and isinstance(record.get(name), int | float)
        and 0 <= record[name] <= 1
    ]


def _chosen(asked: str | None, known: Sequence[str], what: str, source: Path) -> str:
    """Return the one that was asked for, or the only one."""
    if asked is None and len(known) == 1:
        return known[0]
    if asked is None or asked not in known:
        found = f"no {what} {asked!r}" if asked else f"several {what}s" if known else f"no {what}"
        raise InputError(
            f"{source}: {found}; choose by {what}=..., one of"
            f" {', '.join(map(repr, known)) or 'none: no number between 0 and 1 was found'}."
        )
    return asked


def _model_of(file: Path) -> str:
    """Return whose samples these are: the results beside them say, else the folder."""
    stamp = file.name.removesuffix(".jsonl").rpartition("_")[2]
    for beside in sorted(file.parent.glob("results_*.json")):
        if stamp in beside.name or len(list(file.parent.glob("results_*.json"))) == 1:
            text = text_of(content_of(beside), beside.name, str(beside))
            value = parse_json(text, beside.name, str(beside))
            name = _get(value, "model_name") or _get(value, "config", "model_args")
            if isinstance(name, str) and name:
                return name.rpartition("pretrained=")[2].partition(",")[0]
    return file.parent.name


def _task_of(file: Path) -> str:
    name = file.name.removesuffix(".jsonl").removeprefix("samples_")
    task, _, stamp = name.rpartition("_")
    return task if task and stamp[:4].isdigit() else name


def _every_eval(documents: Sequence[Document], reading: Reading, source: Path) -> Rows:
    """Every Eval Ever: instance-level records, one per line."""
    made = _Made()
    for document in documents:
        for k, record in enumerate(document.values):
            name = record.get("evaluation_name")
            if reading.benchmark is not None and name != reading.benchmark:
                continue
            milliseconds = _get(record, "performance", "latency_ms")
            usage = record.get("token_usage")
            made.add(
                document.place(k),
                model=record.get("model_id"),
                instance=f"{name}/{record.get('sample_id')}",
                score=_get(record, "evaluation", "score"),
                cost=None,
                segment=name,
                latency=milliseconds / 1000 if isinstance(milliseconds, int | float) else None,
                **_tokens(usage),
            )
    if not made.places and not made.problems:
        names = {str(r.get("evaluation_name")) for d in documents for r in d.values}
        listed = ", ".join(map(repr, sorted(names)))
        raise InputError(f"{source}: no evaluation {reading.benchmark!r}; it has {listed}.")
    return made.rows(source)


#: Grades of Inspect AI as numbers: correct, partly, incorrect, no answer.
_GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}


def inspect_rows(logs: Sequence[Path], reading: Reading, source: Path) -> Rows:
    """Return the samples of Inspect AI logs, read through its own data frames.

    Epochs are attempts; the grades C, P, I and N count 1, 0.5, 0 and 0.

    Raises
    ------
    InputError
        If the package is not there, a log cannot be read, or there are several scorers.
    """
    try:
        from inspect_ai.analysis import EvalModel, EvalTask, SampleSummary, samples_df
    except ImportError as error:
        raise InputError(
            f"{source} is a log of Inspect AI. Install the extra: pip install 'arbmodels[inspect]'"
        ) from error
    names = [str(log) for log in logs]
    try:
        frame = samples_df(names, columns=[*EvalModel, *EvalTask, *SampleSummary], quiet=True)
    except Exception as error:  # its readers raise what they like
        raise InputError(f"{source} cannot be read as a log of Inspect AI: {error}") from error
    scorers = sorted(name[6:] for name in frame.columns if name.startswith("score_"))
    scorer = _chosen(reading.metric, scorers, "metric", source)
    made = _Made()
    for record in frame.to_dict("records"):
        value = record[f"score_{scorer}"]
        usage = json.loads(record.get("model_usage") or "{}")
        spent = usage.get(record["model"]) or (
            next(iter(usage.values())) if len(usage) == 1 else {}
        )
        tokens = _tokens(spent)
        total = spent.get("total_tokens")
        if total and tokens.get("output_tokens") is not None:
            tokens["input_tokens"] = total - tokens["output_tokens"]  # caches included
        made.add(
            f"{Path(record['log']).name}, sample {record['id']!r}, epoch {record['epoch']}",
            model=record["model"],
            instance=str(record["id"]),
            score=_GRADES.get(value, value) if isinstance(value, str) else value,
            cost=spent.get("total_cost"),
            segment=record.get("task_name"),
            attempt=f"{record['eval_id']}-{record['epoch']}",
            latency=record.get("total_time"),
            **tokens,
        )
    return made.rows(source)


@dataclass(frozen=True)
class Format:
    """A public format.

    Parameters
    ----------
    name : str
    looks : str
        What it is told by, for the reader.
    fits : function
        Whether a document is of it.
    rows : function
        Its rows.
    """

    name: str
    looks: str
    fits: Callable[[Document], bool]
    rows: Callable[[Sequence[Document], Reading, Path], Rows]


def _is_details(document: Document) -> bool:
    if len(document.values) != 1 or document.lines or not document.keys:
        return False
    entries = list(document.values[0].values())
    resolved = [isinstance(each, dict) and "resolved" in each for each in entries]
    return sum(resolved) > len(entries) / 2


def _is_lists(document: Document) -> bool:
    value = document.values[0] if len(document.values) == 1 else None
    if not isinstance(value, dict):
        return False
    return any(isinstance(value.get(key), list) for key in ("resolved", "resolved_ids"))


def _is_by_question(document: Document) -> bool:
    if len(document.values) != 1 or not document.keys:
        return False
    entries = [each for each in document.values[0].values() if isinstance(each, dict)]
    answers = [each for entry in entries for each in entry.values()]
    return bool(answers) and sum(isinstance(each, list) for each in answers) > len(answers) / 2


FORMATS = (
    Format(
        "SWE-bench leaderboards",
        '{"leaderboards": [{"results": [{"per_instance_details": {id: {"resolved", "cost"}}}]}]}',
        lambda d: "leaderboards" in d.keys and not d.lines,
        _leaderboard,
    ),
    Format(
        "SWE-bench details, OpenHands index",
        '{id: {"resolved": true, "cost": 0.1}}, a file per model',
        _is_details,
        _details,
    ),
    Format("SWE-bench results", '{"resolved": [ids], ...}, a file per model', _is_lists, _lists),
    Format(
        "RouterArena records",
        '{"global_index", "llm_selected", "evaluation_result": {"score", "inference_cost"}} lines',
        lambda d: {"global_index", "llm_selected"} <= d.keys,
        _arena,
    ),
    Format(
        "RouterArena answers",
        "{question: {model: [score, cost, input tokens, output tokens]}}",
        _is_by_question,
        _by_question,
    ),
    Format(
        "LLMRouter",
        '{"query", "model_name", "performance", ...} lines',
        lambda d: {"model_name", "performance"} <= d.keys,
        _llmrouter,
    ),
    Format(
        "lm-evaluation-harness samples",
        '{"doc_id", "filtered_resps", METRIC} lines',
        lambda d: {"doc_id", "filtered_resps"} <= d.keys,
        _harness,
    ),
    Format(
        "Every Eval Ever",
        '{"evaluation_id", "model_id", "sample_id", "evaluation": {"score"}} lines',
        lambda d: {"evaluation_id", "model_id", "sample_id"} <= d.keys,
        _every_eval,
    ),
)
#: Those that are read otherwise, for people.
OTHERS = {
    "long table": "columns model, instance, solved or score, cost",
    "wide table": "a row per instance; MODEL_score and MODEL_cost, or MODEL and MODEL|total_cost"
    " (RouterBench)",
    "folder of MODEL.jsonl": '{"id", "attempts": [0, 1], "mean_cost"} lines',
    "Inspect AI logs": ".eval archives, or JSON with eval and samples",
    "saved market": "what market.save writes",
}


def format_of(document: Document) -> Format | None:
    """Return the public format of a document, None if it is of none of them."""
    if not document.values or not isinstance(document.values[0], dict):
        return None
    return next((each for each in FORMATS if each.fits(document)), None)


def known_formats() -> dict[str, str]:
    """Return what can be loaded: the format, and what it is told by."""
    return {each.name: each.looks for each in FORMATS} | OTHERS


def is_inspect_log(file: Path, document: Document | None = None) -> bool:
    """Whether a file is a log of Inspect AI."""
    if document is not None:
        return {"eval", "status", "version"} <= document.keys
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        names = set(archive.namelist())
    return "header.json" in names or "_journal/start.json" in names


def folder_rows(folder: Path, reading: Reading) -> Rows | None:
    """Return the rows of a folder in a public format, None if it is in none.

    Files below it are looked at too; links that lead out of it, or round in it, are not followed.

    Raises
    ------
    InputError
        If it holds two formats, or more files than records have.
    """
    files = _files_below(folder)
    logs = [file for file in files if file.suffix == ".eval" and is_inspect_log(file)]
    found: dict[str, list[Document]] = {}
    for file in files:
        if file.suffix not in (".json", ".jsonl") or file.name in _BESIDE:
            continue
        document = _first_look(file)
        if document is None:
            continue
        if is_inspect_log(file, document):
            logs.append(file)
            continue
        shape = format_of(document)
        if shape is not None:
            found.setdefault(shape.name, []).append(document)
    if logs and found:
        raise InputError(f"{folder} holds logs of Inspect AI and {', '.join(found)}. Give one.")
    if logs:
        return inspect_rows(logs, reading, folder)
    if not found:
        return None
    if len(found) > 1:
        listed = ", ".join(f"{name} ({docs[0].path.name})" for name, docs in found.items())
        raise InputError(f"{folder} holds files of several formats: {listed}. Give one of them.")
    ((name, documents),) = found.items()
    shape = next(each for each in FORMATS if each.name == name)
    whole = [document_of(each.path, content_of(each.path)) for each in documents]
    return shape.rows([each for each in whole if each is not None], reading, folder)


#: Files that describe the records beside them.
_BESIDE = ("metadata.json", "scores.json")


def _files_below(folder: Path) -> list[Path]:
    root = folder.resolve()
    files = []
    for file in sorted(folder.rglob("*")):
        if any(part.startswith(".") for part in file.relative_to(folder).parts):
            continue
        if file.is_file() and file.resolve().is_relative_to(root):
            files.append(file)
        if len(files) > _MOST_FILES:
            raise InputError(f"{folder} holds more than {_MOST_FILES:,} files. Give the records'.")
    return files


def _first_look(file: Path) -> Document | None:
    """Return the first object of a file, or the whole of it if it is one; None if it is none."""
    try:
        raw = content_of(file)
        first = next((line for line in raw.split(b"\n") if line.strip()), b"")
        if file.suffix == ".jsonl":
            return Document(file, [json.loads(first)], [1])
        return document_of(file, raw)
    except (ValueError, RecursionError):  # our own errors too: said when the folder is read
        return None
