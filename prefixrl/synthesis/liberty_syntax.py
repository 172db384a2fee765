"""The syntax of Liberty files: groups, attributes, nothing of what they mean.

    group (argument, ...) { attribute : value ; complex (value, ...) ; group (...) { ... } }

Reads leniently what real libraries write (missing semicolons, line continuations, comments) and strictly what tells
a damaged file from a whole one: every brace is closed, and nothing but groups and attributes stands inside.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from prefixrl.errors import InputError

_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_BLANK = re.compile(r"(?:[\s;\\]+|/\*.*?\*/|//[^\n]*)*", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][\w.\-]*")
_SPACES = r"(?:[ \t]|\\\r?\n)*"
_SIMPLE = re.compile(rf"{_SPACES}:{_SPACES}({_STRING}|[^;\n\r{{}}\"]+)[ \t]*;?", re.DOTALL)
_ARGUMENTS = re.compile(rf"\s*\(((?:[^()\"{{}};]|{_STRING}|\([^()]*\))*)\)\s*", re.DOTALL)
_ARGUMENT = re.compile(rf"{_STRING}|[^\s,\\\"]+", re.DOTALL)
_BRACES = re.compile(rf"{_STRING}|/\*.*?\*/|//[^\n]*|[{{}}]", re.DOTALL)
_CONTINUATION = re.compile(r"\\\r?\n\s*")
_COMMENT = re.compile(r"/\*.*?\*/|//.*$", re.DOTALL)


@dataclass
class Group:
    """One group of a Liberty file.

    :param name: its type, such as `cell`
    :param arguments: what stands in its parentheses, unquoted
    :param attributes: name -> values (a simple attribute has one; of a repeated one the last counts)
    :param repeated: name -> the values of each of its appearances, for complex attributes
    :param groups: the groups inside, in order
    :param span: where its contents stand in the text, for a group that was passed over
    """

    name: str
    arguments: tuple[str, ...]
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    span: tuple[int, int] | None = None
    repeated: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)

    def get(self, attribute: str) -> str | None:
        """First value of an attribute, None when it is not there."""
        values = self.attributes.get(attribute)
        return values[0] if values else None

    def named(self, *names: str) -> Iterator[Group]:
        """The groups inside that are of one of the given types."""
        return (group for group in self.groups if group.name in names)


class LibertySyntaxError(InputError):
    """The text is not Liberty; the message says what was expected, and at which line."""


def parse_liberty(text: str, skip: Collection[str] = ()) -> Group:
    """Parse the one library of a Liberty text.

    :param skip: types of groups whose contents are passed over (their braces are still matched); this is ten times
        faster
    :raises LibertySyntaxError: no library, more than one, braces that do not match, or text that is no statement
    """
    position = _blank_end(text, 0)
    stack: list[Group] = []
    library: Group | None = None
    while position < len(text):
        if text[position] == "}":
            if not stack:
                raise _error(text, position, "a closing brace must have an opening one")
            stack.pop()
            position = _blank_end(text, position + 1)
            continue
        name = _NAME.match(text, position)
        if name is None or (library is not None and not stack):
            raise _error(text, position, "only groups and attributes may stand in a library")
        group, position = _statement(text, name, stack[-1] if stack else None, skip)
        if group is not None:
            library = library or group
            stack.append(group)
        position = _blank_end(text, position)
    if stack:
        raise _error(text, len(text), f"every group must be closed, the file may be truncated in {_title(stack[-1])}")
    if library is None or library.name != "library":
        raise _error(text, len(text), "a Liberty file must hold one library")
    return library


def parse_contents(text: str, group: Group, skip: Collection[str] = ()) -> Group:
    """A group that was passed over, parsed now.

    :param text: the text that the group was found in
    :param skip: as for `parse_liberty`
    :raises LibertySyntaxError: as `parse_liberty`
    """
    assert group.span is not None
    begin, end = group.span
    filled = Group(group.name, group.arguments)
    stack = [filled]
    position = _blank_end(text, begin)
    while position < end:
        if text[position] == "}":
            stack.pop()
            position = _blank_end(text, position + 1)
            continue
        name = _NAME.match(text, position)
        if name is None:
            raise _error(text, position, "only groups and attributes may stand in a library")
        opened, position = _statement(text, name, stack[-1], skip)
        if opened is not None:
            stack.append(opened)
        position = _blank_end(text, position)
    return filled


def _statement(text: str, name: re.Match[str], parent: Group | None, skip: Collection[str]) -> tuple[Group | None, int]:
    """Take in what follows a name; returns the group that it opened, if any, and where to go on."""
    simple = _SIMPLE.match(text, name.end())
    if simple is not None and parent is not None:
        parent.attributes[name.group()] = (_unquoted(simple.group(1)),)
        return None, simple.end()
    arguments = _ARGUMENTS.match(text, name.end())
    if arguments is None:
        raise _error(text, name.start(), "an attribute must have a value, a group its parentheses")
    values = tuple(_unquoted(match.group()) for match in _ARGUMENT.finditer(arguments.group(1)))
    if not text.startswith("{", arguments.end()):
        if parent is None:
            raise _error(text, name.start(), "a Liberty file must begin with a library")
        if name.group() == "include_file":
            raise _error(text, name.start(), "a library must be whole, include_file is not followed (name every file)")
        parent.attributes[name.group()] = values
        parent.repeated.setdefault(name.group(), []).append(values)
        return None, arguments.end()
    group = Group(name.group(), values)
    if parent is not None:
        parent.groups.append(group)
    if group.name in skip:
        end = _end_of_group(text, arguments.end() + 1, group)
        group.span = (arguments.end() + 1, end - 1)
        return None, end
    return group, arguments.end() + 1


def _end_of_group(text: str, position: int, group: Group) -> int:
    """Where the group that was opened just before `position` ends."""
    depth = 1
    for match in _BRACES.finditer(text, position):
        if match.group() == "{":
            depth += 1
        elif match.group() == "}":
            depth -= 1
            if depth == 0:
                return match.end()
    raise _error(text, len(text), f"every group must be closed, the file may be truncated in {_title(group)}")


def _blank_end(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    assert match is not None
    return match.end()


def _unquoted(value: str) -> str:
    value = value.strip()
    value = value[1:-1] if value.startswith('"') else _COMMENT.sub("", value)
    return _CONTINUATION.sub("", value).strip()


def _title(group: Group) -> str:
    return f"{group.name} ({', '.join(group.arguments)})"


def _error(text: str, position: int, rule: str) -> LibertySyntaxError:
    excerpt = " ".join(text[position : position + 60].split())[:40]
    return LibertySyntaxError(f"{rule}: line {text.count(chr(10), 0, position) + 1}, {excerpt!r}")
