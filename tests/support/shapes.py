"""Comparing JSON loosely."""

from typing import Any


def contains(whole: Any, part: Any) -> bool:
    """Whether `whole` has all of `part`: objects may have more keys, everything else is equal."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and contains(whole[key], part[key]) for key in part)
    if isinstance(part, list) and isinstance(whole, list):
        return len(whole) == len(part) and all(map(contains, whole, part))
    return bool(whole == part)
