"""A Series to a Verdict: statistics only, no torch, no HTML."""
