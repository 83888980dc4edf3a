"""Features → metrics and artifacts; one file per evaluator, found by entry points."""
