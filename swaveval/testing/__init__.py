"""For authors of evaluators: features to try one on, and a check that it keeps the contract.

from swaveval.testing import check

def test_mine_keeps_the_contract():
    check("my_package.mine:Mine")
"""

from swaveval.testing.conformance import ConformanceError, check, violations
from swaveval.testing.synthetic import awkward_features, synthetic_features, synthetic_series

__all__ = ["ConformanceError", "awkward_features", "check", "synthetic_features", "synthetic_series", "violations"]
