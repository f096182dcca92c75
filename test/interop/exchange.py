"""One JSON value from the test on standard input, one back to it on standard output."""

import json
import sys

_to_test = sys.stdout
# FMPy prints what it notices: that is for people.
sys.stdout = sys.stderr


def question():
    return json.load(sys.stdin)


def answer(value):
    json.dump(value, _to_test)
