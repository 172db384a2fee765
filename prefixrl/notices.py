"""Where the package may tell a person that something takes a while: nowhere, until a command line says where."""

from __future__ import annotations

from collections.abc import Callable

_listeners: list[Callable[[str], None]] = []


def listen(listener: Callable[[str], None]) -> None:
    """Have every notice of this process told to `listener` as well."""
    _listeners.append(listener)


def notice(message: str) -> None:
    """Tell those who listen."""
    for listener in _listeners:
        listener(message)
