"""Features → metrics and artifacts; one file per evaluator, found through the entry-point group `swaveval.evaluators`."""
