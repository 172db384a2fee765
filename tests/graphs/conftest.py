"""Property tests here are deterministic and have no deadline: the first call of a kernel may have to compile it."""

from hypothesis import settings

settings.register_profile("graphs", deadline=None, derandomize=True)
settings.load_profile("graphs")
