"""The intrinsic dimension of features, as an evaluator for swaveval."""
