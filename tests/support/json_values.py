"""Any JSON, for tests that nothing a client sends is an error of the server's."""

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "name", "metadata", "spec", "data", "managedFields", "labels", "list", "env", ""])

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.sampled_from(["", "a", "b", "x/y"])


def values(keys: st.SearchStrategy[str] = NAMES) -> st.SearchStrategy[object]:
    """JSON values whose objects have keys of that choice, so that they meet."""
    return st.recursive(
        SCALARS, lambda parts: st.lists(parts, max_size=3) | st.dictionaries(keys, parts, max_size=4), max_leaves=12
    )
