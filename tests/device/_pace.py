"""Long rows of cases: every one on a computer, a fixed part of them on a board, which is slow.

Whoever runs the tests may set `stride`. It should be a prime: then the part holds cases of every
kind, since kinds alternate by small numbers.
"""

stride = 1


def paced(cases):
    """The first of these cases, and every `stride`-th after it."""
    for number, case in enumerate(cases):
        if number % stride == 0:
            yield case
