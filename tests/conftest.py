"""What holds for every test: Hypothesis sets no time limit, for a busy machine is no fault of the code."""

from hypothesis import settings

settings.register_profile("pbr", deadline=None)
settings.load_profile("pbr")
