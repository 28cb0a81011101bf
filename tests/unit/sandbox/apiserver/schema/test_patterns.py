import pytest

from aimctrl.sandbox.apiserver.schema.patterns import PatternError, compiled


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^a$", "a\n", False),
        ("(?m)^a$", "b\na\n", True),
        (r"^\d+\z", "12", True),
        (r"^\d+$", "١٢", False),
        (r"^\s$", "\v", False),
        ("^[[:alpha:]_]+$", "ab_", True),
        ("^[[:digit:]]+$", "ab", False),
        ("^[]a]$", "]", True),
        ("^[^]a]$", "]", False),
        ("^[[a]$", "[", True),
        (r"^\Qa.b\E$", "a.b", True),
        (r"^\Qa.b\E$", "axb", False),
        (r"^\x{41}\x42$", "AB", True),
        ("^a(?i)b(c)$", "aBC", True),
        ("^a(?i)b(c)$", "ABC", False),
        ("^((?i)a)b$", "Ab", True),
        ("^((?i)a)b$", "AB", False),
        ("^(?<x>a)(?P<y>b)$", "ab", True),
        ("^(?s:.)$", "\n", True),
        ("^a{2,3}?$", "aaa", True),
        ("^[a-z&&b]+$", "&", True),
    ],
)
def test_a_pattern_matches_what_it_matches_in_go(pattern: str, text: str, found: bool):
    assert (compiled(pattern).search(text) is not None) == found


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?<!a)b", "invalid or unsupported Perl syntax: `(?<!`"),
        (r"(a)\1", r"invalid escape sequence: `\1`"),
        (r"a\Z", r"invalid escape sequence: `\Z`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("+", "missing argument to repetition operator: `+`"),
        ("[a", "missing closing ]: `[a`"),
        ("[b-a]", "invalid character class range: `b-a`"),
        ("(a", "missing closing ): `(a`"),
        ("a)", "unexpected ): `a)`"),
        ("a\\", "trailing backslash at end of expression: ``"),
    ],
)
def test_what_go_does_not_compile_is_refused_in_its_words(pattern: str, says: str):
    with pytest.raises(PatternError, match="error parsing regexp") as refusal:
        compiled(pattern)
    assert str(refusal.value) == f"error parsing regexp: {says}"
