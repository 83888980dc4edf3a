"""The numbers that a verdict turns on, in one place; docs/verdict-rules.md gives the reasons."""

# The family of tests behind one verdict errs at most this often.
ALPHA = 0.05
# Quality that moves less than this over the last third is flat: one percentage point.
PLATEAU = 0.01
# A gain that would matter: excluded, the run has not learned. Two percentage points.
GAIN = 0.02
# Fewer images than this say nothing, whatever the numbers: a normal approximation of their mean does not hold.
FEWEST_IMAGES = 30
# A checkpoint that lies this many times the jitter assumed beforehand below an earlier one did not jitter there: what
# is measured in the bank is 7.2 times that in one run, whose rate is too high, and 5.2 at most in all others, shuffled
# ones among them. Ten points of kNN, twenty of the probe.
FAR = 20
# Without labels: views are pulled together in every training, so their retrieval rises a little also where nothing is
# learned. A rise has to be larger than this.
LABEL_FREE_MARGIN = 0.01
