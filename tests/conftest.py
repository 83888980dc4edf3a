"""Shape and type annotations are checked at run time over the whole suite."""

import os

# One thread: two cores serve several workers, and results must not depend on the count.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# lightly asks its servers for a newer version when imported; a test suite stays offline.
os.environ.setdefault("LIGHTLY_DID_VERSION_CHECK", "True")

from jaxtyping import install_import_hook

install_import_hook("swaveval", "shape_checks.checked").__enter__()
