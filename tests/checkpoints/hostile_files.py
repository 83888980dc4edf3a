"""Kinds of file a stranger, a broken disk or a wrong path can put in place of a checkpoint."""

from hostile_archives import ARCHIVE_KINDS
from hostile_bombs import BOMB_KINDS
from hostile_building import Kind
from hostile_content import CONTENT_KINDS
from hostile_gadgets import GADGET_KINDS

KINDS: tuple[Kind, ...] = (*GADGET_KINDS, *BOMB_KINDS, *ARCHIVE_KINDS, *CONTENT_KINDS)
