"""`swaveval.data` is imported by commands that only list or print."""

import subprocess
import sys


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import swaveval.data, sys; print({'torch', 'torchvision', 'sklearn', 'scipy', 'lightly'} & set(sys.modules))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "set()"
