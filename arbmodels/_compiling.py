"""The one way in which loops are compiled; import this module only where one is needed.

Compiled code is kept on disk, so that only the first process of all waits for the compiler. numba
numbers the files of one function's compiled forms by counting those in an index. Two processes
that compile two forms of a function at once (float32 here, float64 there) may so be given the
same number, and from then on one form's name leads to the other's code: wrong numbers, no error.
Here every form has a file named after its types.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import IndexDataCacheFile

from arbmodels._clock import standing_still

F = TypeVar("F", bound=Callable[..., Any])


class _FileOfEachForm(IndexDataCacheFile):
    """An index, and a file for each compiled form whose name no other form can have."""

    def save(self: Any, key: Any, data: Any) -> None:
        form = hashlib.sha256(repr((self._source_stamp, key)).encode()).hexdigest()[:20]
        name = self._data_name_pattern.replace("{number:d}", form)
        # The code first: an index that is read never names code that is not there yet. Of two
        # indices written at once one is lost, and the form it named is compiled once more.
        self._save_data(name, data)
        forms = self._load_index()
        forms[key] = name
        self._save_index(forms)


def compiled(function: F, *, fastmath: bool | set[str] = False) -> F:
    """Return the function compiled by numba, without the interpreter's lock, kept on disk.

    Time limits do not count what compiling takes.

    Parameters
    ----------
    function : callable
        Takes arrays and numbers by position.
    fastmath : bool or set of str
        Which liberties the compiler may take with floating point, as numba names them.
    """
    if getattr(numba.config, "DISABLE_JIT", False):  # debugging in Python: nothing to compile
        return function
    file_of_each_form: Any = _FileOfEachForm
    dispatcher: Any = numba.njit(nogil=True, fastmath=fastmath)(function)
    try:
        dispatcher.enable_caching()
        cache = dispatcher._cache
        plain = cache._cache_file
        cache._cache_file = file_of_each_form(
            plain._cache_path, cache._impl.filename_base, plain._source_stamp
        )
    except (RuntimeError, AttributeError):
        # No folder to keep code in, or a numba that keeps it in another way: better slow.
        dispatcher = numba.njit(nogil=True, fastmath=fastmath)(function)
    compile_form = dispatcher.compile

    def compile_outside_the_clock(signature: Any) -> Any:
        with standing_still():
            return compile_form(signature)

    dispatcher.compile = compile_outside_the_clock
    return cast(F, dispatcher)
