"""A results directory to a page: a pure function of what is stored."""
