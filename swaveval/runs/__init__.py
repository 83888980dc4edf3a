"""Plan, evaluate, store: what is to be done and who does it."""
