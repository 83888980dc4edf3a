"""swaveval: is this self-supervised model learning, and which checkpoint should I use?"""

__version__ = "0.1.0"
