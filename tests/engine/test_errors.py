"""Messages stay short, whatever a file holds."""

import time

import yaml

from engine.errors import LONGEST_SENTENCE, UserError, quoted, shortened
from engine.objects.formats.notes import collected, note


def test_a_value_is_quoted_as_repr_and_short() -> None:
    for value in ("a", 3, 0.25, None, [1, 2], {"x": 1}):
        assert quoted(value) == repr(value)
    assert len(quoted("x" * 10_000)) < 200 and len(quoted(list(range(10_000)))) < 200


def test_an_alias_bomb_is_quoted_at_once() -> None:
    """9²⁰ entries: repr would never end."""
    lines = ["- &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"- &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    content = yaml.safe_load("\n".join(lines))
    begun = time.monotonic()
    assert len(quoted(content)) < 200 and time.monotonic() - begun < 1


def test_a_long_sentence_loses_its_middle() -> None:
    sentence = str(UserError(f"picks.csv holds {'x' * 100_000}: mend that line."))
    assert len(sentence) <= LONGEST_SENTENCE
    assert sentence.startswith("picks.csv holds xxx") and sentence.endswith("xxx: mend that line.")
    with collected() as notes:
        note("y" * 100_000)
    assert len(notes[0]) <= LONGEST_SENTENCE
    assert shortened("short") == "short" and len(shortened("z" * 500)) == 80
