"""Which tests run in one process: those that share what a module's fixture makes.

pytest-xdist 3.8 marks groups in an attribute that pytest 9.2 no longer reads, so the scheduler here
finds them itself, in the source: the process that hands out tests does not collect them.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Any

from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[1]
#: Fixtures of the whole session that are dear enough to be made in one process only.
DEAR = {"quantecon"}


class Grouped(LoadScopeScheduling):
    """Hand out tests one by one, but those of a file that share a module's fixture together."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, rest = nodeid.partition("::")
        name = rest.partition("[")[0]
        if not rest or name not in sharing(file):
            return nodeid
        dear = DEAR & sharing(file)[name]
        return min(dear) if dear else file


@cache
def sharing(file: str) -> dict[str, set[str]]:
    """Return the tests of a file that use shared fixtures, with the fixtures' names."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    shared = {f.name for f in functions if "scope='module'" in _decorators(f)} | DEAR
    asked = {f.name: {one.arg for one in f.args.args + f.args.kwonlyargs} for f in functions}
    found = {}
    for name, own in asked.items():
        known, more = set(own), True
        while more:  # fixtures of fixtures
            further = {each for one in known if one in asked for each in asked[one]} - known
            known, more = known | further, bool(further)
        if name.startswith("test") and known & shared:
            found[name] = known & shared
    return found


def _decorators(function: ast.FunctionDef) -> str:
    return " ".join(ast.unparse(each) for each in function.decorator_list)


def scheduler(config: Any, log: Any) -> Grouped:
    """Return what hands out the tests of a run on several processes."""
    return Grouped(config, log)
