"""Makes any function of the package raise once, in whichever thread calls it.

Python calls a trace function at every call; an exception that it raises comes from the function
that was called.
"""

import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import ros2_captioner

_PACKAGE = str(Path(ros2_captioner.__file__).parent)


class Injector:
    """Sees the calls of a part of the package while it is traced.

    Args:
        rooms: files and folders of the package whose functions count.
        boundaries: names of functions that may not fail, as they handle failures.
    """

    def __init__(self, rooms, boundaries):
        self._rooms = tuple(f"{_PACKAGE}/{room}" for room in rooms)
        self._boundaries = boundaries
        self._seen, self._target, self._error = {}, None, None

    @contextmanager
    def tracing(self):
        """Trace this thread, and those that begin meanwhile."""
        threading.settrace(self._trace)
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(None)
            threading.settrace(None)

    @contextmanager
    def seeing(self):
        """A dictionary of the functions that are called inside, by name."""
        self._seen = {}
        with self.tracing():
            yield self._seen

    @contextmanager
    def raising(self, code, error):
        """The function raises once; yields a function that tells whether it has."""
        self._target, self._error = code, error
        try:
            with self.tracing():
                yield lambda: self._target is None
        finally:
            self._target = None

    def _trace(self, frame, event, argument):
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(self._rooms):
            return
        name = (
            f"{Path(code.co_filename).relative_to(_PACKAGE)}:{code.co_firstlineno} {code.co_name}"
        )
        if code.co_name not in self._boundaries and not code.co_name.startswith("<"):
            self._seen[name] = code
            if code is self._target:
                self._target = None
                raise self._error
