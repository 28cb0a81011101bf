"""Trees as lines."""

from aimctrl.render.text import Span, Style
from aimctrl.render.tree import Look, Node, draw


def leaf(text: str, *notes: str) -> Node:
    return Node((Span(text),), tuple(map(Span, notes)))


TREE = Node(
    (Span("root", Style.STRONG), Span(" of all")),
    (Span("a note"), Span("another note")),
    (
        Node((Span("one"),), (), (leaf("one.one", "noted"), leaf("one.two"))),
        leaf("two", "the last words"),
    ),
)


def test_branches_and_notes_hang_together() -> None:
    assert draw(TREE, Look()) == (
        "root of all\n"
        "│  a note\n"
        "│  another note\n"
        "├─ one\n"
        "│  ├─ one.one\n"
        "│  │     noted\n"
        "│  └─ one.two\n"
        "└─ two\n"
        "      the last words\n"
    )


def test_notes_are_wrapped_to_the_width_and_stay_in_their_place() -> None:
    node = Node((Span("root"),), (Span("one two three four five six seven"),), (leaf("leaf"),))
    assert draw(node, Look(width=26)) == "root\n│  one two three four five\n│  six seven\n└─ leaf\n"


def test_heads_are_wrapped_to_the_width_and_stay_in_their_place() -> None:
    node = Node((Span("root"),), (), (leaf("one two three four five six seven", "noted"), leaf("leaf")))
    assert draw(node, Look(width=26)) == ("root\n├─ one two three four\n│     five six seven\n│     noted\n└─ leaf\n")


def test_colour_is_around_the_words() -> None:
    node = Node((Span("root", Style.BAD),), (Span("a note", Style.HINT),))
    assert draw(node, Look(colour=True)) == "\x1b[31mroot\x1b[0m\n   \x1b[36ma note\x1b[0m\n"
    assert "\x1b" not in draw(TREE, Look())


def test_text_of_others_cannot_break_the_tree() -> None:
    assert draw(leaf("a\nb", "c\n└─ d\x1b[2J"), Look()) == "a b\n   c └─ d\ufffd[2J\n"
