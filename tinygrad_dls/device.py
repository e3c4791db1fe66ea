"""The path that pickles of devices name; see `backend.device`."""

from .backend.device import Device as Device
