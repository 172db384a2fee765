"""Files that a tool reads or writes and that leave nothing behind, however this process ends."""

from __future__ import annotations

import os
import tempfile


class ScratchFile:
    """A nameless file handed to a child through an inherited descriptor.

    On Linux it lives in memory (`memfd_create`), so that even a SIGKILL of this process leaves nothing in the
    temporary folder. Elsewhere it is an unlinked temporary file. A child opens `path`; it must be started with
    `descriptor` in its `pass_fds`.

    :param content: text to begin with
    """

    def __init__(self, content: str = "") -> None:
        self.descriptor = self._create()
        if content:
            self.write(content)

    @staticmethod
    def _create() -> int:
        if hasattr(os, "memfd_create"):
            return os.memfd_create("prefixrl", 0)
        descriptor, name = tempfile.mkstemp(prefix="prefixrl-")
        os.unlink(name)
        return descriptor

    @property
    def path(self) -> str:
        """The name under which a child that inherited the descriptor opens the file."""
        return f"/dev/fd/{self.descriptor}"

    def write(self, content: str) -> None:
        """Replace what is in the file; a child that opens `path` afterwards reads `content` from its start."""
        data = memoryview(content.encode())
        os.ftruncate(self.descriptor, 0)
        offset = 0
        while offset < len(data):
            offset += os.pwrite(self.descriptor, data[offset:], offset)
        os.lseek(self.descriptor, 0, os.SEEK_SET)

    def read(self) -> str:
        """What is in the file; bytes that are not UTF-8 become replacement characters."""
        size = os.fstat(self.descriptor).st_size
        return os.pread(self.descriptor, size, 0).decode("utf-8", "replace")

    def close(self) -> None:
        """Give the file up; closing twice is harmless."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self) -> ScratchFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
