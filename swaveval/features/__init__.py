"""Backbone × images → features: one forward pass, one exact neighbour search, shared by every evaluator."""
