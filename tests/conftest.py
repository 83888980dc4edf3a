"""Shape and type annotations are checked at run time over the whole suite."""

import os
import signal

# One thread: two cores serve several workers, and results must not depend on the count.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# lightly asks its servers for a newer version when imported; a test suite stays offline.
os.environ.setdefault("LIGHTLY_DID_VERSION_CHECK", "True")

import hypothesis
import pytest
from jaxtyping import install_import_hook

install_import_hook("swaveval", "shape_checks.checked").__enter__()

# Its assertions tell what they found, as those in a test file do.
pytest.register_assert_rewrite("tests.report.browsing")

# A suite started in the background inherits an ignored Ctrl-C; some tests interrupt a training as a user would.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The default suite draws the same examples everywhere, so that what passed here passes there; `make torture` looks for
# new ones.
hypothesis.settings.register_profile("same", derandomize=True, database=None)
hypothesis.settings.register_profile("new")
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
