#!/usr/bin/env python3
"""Lax timestamps, dates, integers and UUIDs agree with pydantic on random inputs.

Usage: pydantic_forms.py PROGRAM [SEED]; PROGRAM is the built canonical_forms. Without pydantic
the test is skipped (exit 77). Forms where busbar differs on purpose are not made here; they are named
in tests/data/canonical/differences.tsv.
"""
import json
import random
import re
import subprocess
import sys
import uuid
from datetime import date, datetime

try:
    from pydantic import TypeAdapter, ValidationError
except ImportError:
    print("skipped: pydantic is not installed")
    sys.exit(77)

COUNT = 5000


def timestamp_text(value):
    text = value.isoformat(timespec="microseconds" if value.microsecond else "seconds")
    if value.tzinfo is None:
        return text + "Z"
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


TYPES = {
    "timestamp": (TypeAdapter(datetime), lambda v: json.dumps(timestamp_text(v))),
    "date": (TypeAdapter(date), lambda v: json.dumps(v.isoformat())),
    "integer": (TypeAdapter(int), str),
    "uuid": (TypeAdapter(uuid.UUID), lambda v: json.dumps(str(v))),
}


def pydantic_form(name, value):
    adapter, write = TYPES[name]
    try:
        return write(adapter.validate_python(value))
    except ValidationError:
        return "refused"


def random_digits(pick, low, high):
    return "".join(pick.choice("0123456789") for _ in range(pick.randint(low, high)))


def random_time_text(pick):
    year, month, day = pick.randint(0, 9999), pick.randint(0, 13), pick.randint(0, 32)
    if pick.random() < 0.8:
        year, month, day = pick.randint(1, 9999), pick.randint(1, 12), pick.randint(1, 28)
    text = f"{year:04}-{month:02}-{day:02}"
    if pick.random() < 0.1:
        return text
    text += pick.choice(["T", "T", " ", "t", "_", "x"])
    if pick.random() < 0.3:
        text += pick.choice(["00:00", "00:00:00", "00:00:00.000000"])
    else:
        text += f"{pick.randint(0, 24):02}:{pick.randint(0, 60):02}"
        if pick.random() < 0.9:
            text += f":{pick.randint(0, 60):02}"
            if pick.random() < 0.6:
                text += pick.choice([".", ".", ","]) + random_digits(pick, 0, 9)
    offset = f"{pick.choice('+-')}{pick.randint(0, 24):02}{pick.choice([':', ''])}{pick.randint(0, 60):02}"
    return text + pick.choice(["", "Z", "z", "+00:00", "-00:00", offset, offset])


def random_unix(pick):
    # Fractions differ on purpose where they are negative, near the border to milliseconds, and from
    # 2242 on, where doubles are coarser than half a microsecond.
    whole = pick.randint(0, 10 ** pick.randint(1, 15))
    if pick.random() < 0.2:
        whole = whole // 86400 * 86400
    if whole > 8_000_000_000 or pick.random() < 0.5:
        return pick.choice([whole, -whole, str(whole), str(-whole)])
    return float(f"{whole}.{random_digits(pick, 1, 4)}")


def random_integer_text(pick):
    text = pick.choice(["", "", "-", "+"]) + random_digits(pick, 1, 30)
    for _ in range(pick.choice([0, 0, 1, 2])):
        at = pick.randint(0, len(text))
        text = text[:at] + "_" + text[at:]
    return pick.choice(["", "", " "]) + text + pick.choice(["", "", ".0", ".00", ".", ".5", "e1", " "])


def random_uuid_text(pick):
    value = uuid.UUID(int=pick.getrandbits(128))
    return pick.choice([str(value), str(value).upper(), value.hex, "{%s}" % value, value.urn, "{%s}" % value.hex])


def spoil(pick, text):
    """One character more, less or other, some of the time."""
    if not isinstance(text, str) or pick.random() < 0.75:
        return text
    at = pick.randint(0, len(text))
    return text[:at] + pick.choice(["", "0", "9", "-", ":", ".", "Z", " ", "a"]) + text[at + pick.randint(0, 1) :]


def random_value(pick, name):
    makers = {
        "timestamp": [random_time_text, random_time_text, random_unix],
        "date": [random_time_text, random_unix],
        "integer": [random_integer_text],
        "uuid": [random_uuid_text],
    }
    return spoil(pick, pick.choice(makers[name])(pick))


def is_named_difference(name, value):
    """Signs and double underscores behind leading zeros, which pydantic lets pass, and fractions of
    large times or of more than six digits in a text, which it rounds to a double first."""
    if name == "integer":
        return re.match(r"\s*[+-]?0[0_]*(__|[+-])", value)
    return isinstance(value, str) and re.fullmatch(r"[+-]?(\d{10,}\.\d*|\d*\.\d{7,})", value)


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    pick = random.Random(seed)
    cases = [(name, random_value(pick, name)) for name in TYPES for _ in range(COUNT)]
    cases = [case for case in cases if not is_named_difference(*case)]
    lines = "".join(f"{name}\t{json.dumps(value)}\n" for name, value in cases)
    run = subprocess.run([sys.argv[1]], input=lines, capture_output=True, text=True, check=True)
    ours = run.stdout.splitlines()
    assert len(ours) == len(cases), f"{len(ours)} answers to {len(cases)} questions"
    wrong = 0
    accepted = 0
    for (name, value), answer in zip(cases, ours):
        wanted = pydantic_form(name, value)
        accepted += wanted != "refused"
        if answer != wanted:
            wrong += 1
            print(f"{name} {json.dumps(value)}: busbar {answer}, pydantic {wanted}")
    print(f"seed {seed}: {len(cases)} inputs, {accepted} accepted by pydantic, {wrong} differ")
    assert accepted > len(cases) // 4, "hardly any input is good: the makers are broken"
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
