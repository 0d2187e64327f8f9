"""The one way in which loops are compiled; numba is loaded at the first call that compiles.

Loading numba and a compiled loop takes some 0.3 s, and compiling it another second. So a loop that
says so is interpreted where its arguments are small, statement by statement as it would be
compiled, until that has taken what loading would. Either way the numbers are the same to the
last bit: the compiler takes no liberties with floating point.

Compiled code is kept on disk, so that only the first process of all waits for the compiler. numba
numbers the files of one function's compiled forms by counting those in an index. Two processes
that compile two forms of a function at once (float32 here, float64 there) may so be given the
same number, and from then on one form's name leads to the other's code: wrong numbers, no error.
Here every form has a file named after its types.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache, cached_property, partial, update_wrapper
from time import thread_time
from typing import Any, TypeVar, cast, overload

import numpy as np

from arbmodels._clock import standing_still

F = TypeVar("F", bound=Callable[..., Any])

#: Elements of the array arguments of a call that may be interpreted: some 0.3 microseconds each.
SMALL = 100_000


class _Compiled:
    """A function that is compiled at its first call, or when its calls are no longer small."""

    #: Processor time for which loops are still interpreted, in all: what loading numba takes.
    left = 0.25

    def __init__(
        self, function: Callable[..., Any], interpreted: int, fastmath: bool | set[str]
    ) -> None:
        update_wrapper(self, function)
        self._function, self._most, self._fastmath = function, interpreted, fastmath

    def __call__(self, *args: Any) -> Any:
        if self._most and _Compiled.left > 0:
            if sum(each.size for each in args if isinstance(each, np.ndarray)) <= self._most:
                start = thread_time()
                with np.errstate(all="ignore"):  # as compiled code
                    result = self._function(*args)
                _Compiled.left -= thread_time() - start
                return result
            self._most = 0  # loaded now, it is the quicker one for small calls too
        return self.dispatcher(*args)

    @cached_property
    def dispatcher(self) -> Any:
        """The compiler's own object, or the plain function where compiling is switched off."""
        with standing_still():
            return self._loaded()

    def _loaded(self) -> Any:
        import numba

        if getattr(numba.config, "DISABLE_JIT", False):  # debugging in Python
            return self._function
        _known_to_the_compiler()
        compiler = numba.njit(nogil=True, fastmath=self._fastmath)
        dispatcher: Any = compiler(self._function)
        try:
            dispatcher.enable_caching()
            kept = dispatcher._cache
            plain = kept._cache_file
            kept._cache_file = _file_of_each_form()(
                plain._cache_path, kept._impl.filename_base, plain._source_stamp
            )
        except (RuntimeError, AttributeError):
            # No folder to keep code in, or a numba that keeps it in another way: better slow.
            dispatcher = compiler(self._function)
        compile_form = dispatcher.compile

        def compile_outside_the_clock(signature: Any) -> Any:
            with standing_still():
                return compile_form(signature)

        dispatcher.compile = compile_outside_the_clock
        return dispatcher


@overload
def compiled(function: F) -> F: ...
@overload
def compiled(*, interpreted: int = 0, fastmath: bool | set[str] = False) -> Callable[[F], F]: ...
def compiled(
    function: F | None = None, *, interpreted: int = 0, fastmath: bool | set[str] = False
) -> F | Callable[[F], F]:
    """Return the function compiled by numba, without the interpreter's lock, kept on disk.

    Time limits do not count what compiling takes.

    Parameters
    ----------
    function : callable
        Takes arrays and numbers by position.
    interpreted : int
        Elements of the array arguments of a call up to which it may be interpreted: ``SMALL`` for
        loops whose steps are proportional to that.
    fastmath : bool or set of str
        Which liberties the compiler may take with floating point, as numba names them. A function
        with any is not interpreted: the numbers would differ.
    """
    if function is None:
        return cast(
            "Callable[[F], F]", partial(_Compiled, interpreted=interpreted, fastmath=fastmath)
        )
    return cast("F", _Compiled(function, interpreted, fastmath))


@cache
def _known_to_the_compiler() -> None:
    """Let compiled loops call each other: numba has to find its own object behind ours."""
    from numba import types
    from numba.extending import typeof_impl

    @typeof_impl.register(_Compiled)
    def _(value: _Compiled, _context: object) -> Any:
        return types.Dispatcher(value.dispatcher)


@cache
def _file_of_each_form() -> Any:
    """Return numba's class of files of one function, with a file for each compiled form."""
    from numba.core.caching import IndexDataCacheFile

    class FileOfEachForm(IndexDataCacheFile):  # type: ignore[misc,unused-ignore]
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

    return FileOfEachForm
