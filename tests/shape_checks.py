"""The run-time type checker of the suite: beartype, with an int accepted where a float is asked for, as mypy does."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
