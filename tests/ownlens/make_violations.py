#!/usr/bin/env python3
"""Makes one test case per rule of each of the 269 fields of the ten event types.

Reads the facts in tests/data/ownlens/fields.tsv, which say what every field must be, checks that the contract files of
the plugins declare exactly these fields, and writes JSON lines: an event that breaks one rule of one field (and which
field has to be named), or an event in an accepted form (and what has to become of it).

usage: make_violations.py PROJECT OUTPUT
"""
import collections
import datetime
import glob
import json
import os
import sys

UUID = "1f0c4ab2-6d1e-4c57-9a3b-0d2e8b7c9f10"
INSTANT = "2025-03-14T09:26:53Z"
LATER = "2025-03-14T09:36:53Z"
DATE = "2025-03-14"
UNIX = int(datetime.datetime(2025, 3, 14, 9, 26, 53, tzinfo=datetime.timezone.utc).timestamp())
MIDNIGHT = int(datetime.datetime(2025, 3, 14, tzinfo=datetime.timezone.utc).timestamp())
FACE = "\U0001F600"

Field = collections.namedtuple("Field", "event name type required nullable absent id_form constraints")


def read_fields(path):
    with open(path, encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            event, name, kind, required, nullable, absent, id_form, constraints = line.rstrip("\n").split("\t")
            yield Field(event, name, kind, required == "required", nullable == "nullable", absent, id_form,
                        json.loads(constraints))


def text(value):
    return json.dumps(value, ensure_ascii=False)


def base_string(field):
    limits = field.constraints
    if "enum" in limits:
        return limits["enum"][0]
    return {"http-url": "https://www.example.org/a", "iso3166-alpha2": "DE", "iana-timezone-with-slash": "Europe/Berlin",
            "ipv4-or-full-ipv6": "192.0.2.17"}.get(limits.get("format"), "x")


def base_item(field):
    kind = field.type[6:-1]
    if kind == "uuid":
        return UUID
    if kind == "object":
        return {"a": 1}
    return "DE" if field.constraints.get("max_items") == 2 else "x"


def base_value(field):
    """A value in canonical form that the field accepts, as JSON text."""
    if field.type.startswith("array"):
        return text([base_item(field)])
    if field.type == "string":
        return text(base_string(field))
    if field.name == "session_end":
        return text(LATER)
    return {"uuid": text(UUID), "datetime": text(INSTANT), "date": text(DATE), "integer": "1", "number": "0.5",
            "boolean": "true", "object": '{"a": 1}'}[field.type]


def wrong_types(field):
    wrong = {"uuid": ["5", "true", "[]", "{}", "1.5"], "string": ["5", "true", "[]", "{}", "1.5"],
             "datetime": ["true", "[]", "{}"], "date": ["true", "[]", "{}"], "integer": ["[]", "{}"],
             "number": ["[]", "{}"], "boolean": ["[]", "{}"], "object": ['"x"', "5", "[]", "true"]}
    if field.type.startswith("array"):
        return ['"x"', "5", "{}", "true"]
    return wrong[field.type]


def wrong_forms(field):
    """Texts and numbers of the right sort that are no value of the type."""
    uuid = [text(t) for t in ("", "zzz", UUID[:-1], UUID + "0", "{" + UUID, " " + UUID, UUID + " ", UUID.replace("1", "g"),
                              "urn:uuid" + UUID)]
    if field.id_form != "own":
        uuid.append(text("1f0c-4ab26d1e4c579a3b0d2e8b7c9f10"))
    return {
        "uuid": uuid,
        "datetime": [text(t) for t in (
            "", "yesterday", "2025-13-01T00:00:00Z", "2025-02-29T00:00:00Z", "2025-03-14T24:00:00Z",
            "2025-03-14T09:26:60Z", "20250314T092653Z", " 2025-03-14T09:26:53Z", "2025-03-14T09:26:53Z ",
            "0000-01-01T00:00:00Z", "2025-03-14T09:26:53+24:00", "2025-03-14T9:26:53Z", "2025-3-14")] + [
                "999999999999999999"],
        "date": [text(t) for t in ("", "tomorrow", "2025-02-29", "14.03.2025", "2025-03-14T09:26:53Z", "2025-3-14")] + [
            str(UNIX)],
        "integer": ["1.5", "1e20", "9223372036854775808.0"] + [text(t) for t in ("", "abc", "1e3", "1.5", "0x10", "1 2")],
        "number": [text(t) for t in ("", "abc", "1.2.3", "0x10")],
        "boolean": ["2", "0.5", "-1"] + [text(t) for t in ("", "maybe", " true", "2")],
    }.get(field.type, [])


def too_long(field):
    limit = field.constraints.get("max_length")
    if limit is None:
        return []
    if field.constraints.get("format") == "http-url":
        start = "https://www.example.org/"
        return [text(start + "a" * (limit + 1 - len(start)))]
    if field.constraints.get("format") == "iso3166-alpha2":
        return [text("DEU")]
    return [text("x" * (limit + 1)), text(FACE * (limit + 1))]


def out_of_bounds(field):
    below = ["-1"] if field.type == "integer" else ["-0.0001", '"-0.5"', "-1e300"]
    above = {100: ["101", '"101"'], 1: ["1.0001", "2", '"1e3"']}.get(field.constraints.get("le"), [])
    return (below if "ge" in field.constraints else []) + above


def bad_strings(field):
    limits = field.constraints
    bad = []
    if "enum" in limits:
        bad += ["no_such_value", limits["enum"][0] + " ", " " + limits["enum"][0], ""]
        if limits["case"] == "sensitive":
            bad.append(limits["enum"][0].upper())
    bad += {"http-url": ["ftp://www.example.org/a", "www.example.org", "https://", "https:///a", "http://ab c", " https://a.org/", "\n",
                         "http://a.org\n\n", "http://a.org \n"],
            "iso3166-alpha2": ["de", "D", "D1", " D"],
            "iana-timezone-with-slash": ["Mars/Olympus", "not a zone", "Europe/", "Europe//Berlin", "+01:00"],
            "ipv4-or-full-ipv6": ["256.1.1.1", "1.2.3", "1.2.3.4.5", "::g", "2001:db8:::1", "192.0.2.1/24", "01.2.3.4"]
            }.get(limits.get("format"), [])
    if limits.get("format") == "http-url" and not field.nullable:
        bad.append("")
    return [text(t) for t in bad]


def bad_items(field):
    kind = field.type[6:-1]
    if kind == "uuid":
        return ['["zzz"]', "[5]", "[null]", text([UUID, "1f0c-4ab26d1e4c579a3b0d2e8b7c9f10"])]
    if kind == "object":
        return ["[5]", '["x"]', "[null]", "[[]]"]
    bad = ["[5]", "[null]", "[{}]", "[true]"]
    if field.constraints.get("max_items") == 100:
        bad += [text(["x" * 101]), text(["x", FACE * 101])]
    if field.constraints.get("max_items") == 2:
        bad += [text([t]) for t in ("de", "DEU", "D", "", "D1")]
    return bad


def violations(field):
    """(rule, JSON text) pairs; text None: the member is absent."""
    if field.required:
        yield "absent", None
    if not field.nullable:
        yield "null", "null"
    for value in wrong_types(field):
        yield "type", value
    for value in wrong_forms(field):
        yield "form", value
    for value in too_long(field):
        yield "length", value
    for value in out_of_bounds(field):
        yield "bounds", value
    if field.type == "string":
        for value in bad_strings(field):
            yield "value", value
    if field.type.startswith("array"):
        for value in bad_items(field):
            yield "item", value


LAX = {
    "uuid": [(text(UUID.upper()), UUID), (text(UUID.replace("-", "")), UUID), (text("{" + UUID + "}"), UUID),
             (text("urn:uuid:" + UUID), UUID), (text("\\u0031").replace("\\\\", "\\")[:-1] + UUID[1:] + '"', UUID)],
    "datetime": [
        (text(given), wanted) for given, wanted in (
            ("2025-03-14 09:26:53", INSTANT), ("2025-03-14t09:26:53z", INSTANT), ("2025-03-14_09:26:53Z", INSTANT),
            ("2025-03-14T09:26:53+00:00", INSTANT), ("2025-03-14T09:26:53-00:00", INSTANT),
            ("2025-03-14T09:26:53.000000Z", INSTANT), ("2025-03-14T09:26", "2025-03-14T09:26:00Z"),
            ("2025-03-14T09:26:53,5Z", "2025-03-14T09:26:53.500000Z"),
            ("2025-03-14T09:26:53.123456789Z", "2025-03-14T09:26:53.123456Z"),
            ("2025-03-14T09:26:53+0530", "2025-03-14T09:26:53+05:30"),
            ("2025-03-14T09:26:53-03:00", "2025-03-14T09:26:53-03:00"), ("2025-03-14", "2025-03-14T00:00:00Z"),
            (str(UNIX), INSTANT))] + [
        (str(UNIX), INSTANT), ("%d000" % UNIX, INSTANT), ("%d.5" % UNIX, "2025-03-14T09:26:53.500000Z"),
        ("0", "1970-01-01T00:00:00Z"), ("-1", "1969-12-31T23:59:59Z")],
    "date": [(text(t), DATE) for t in ("2025-03-14T00:00:00Z", "2025-03-14 00:00:00", "2025-03-14T00:00")] + [
        (str(MIDNIGHT), DATE)],
    "integer": [("12.0", 12), ("12e0", 12), ("true", 1), ("false", 0)] + [
        (text(t), n) for t, n in (("12", 12), (" 12 ", 12), ("+12", 12), ("1_2", 12), ("12.0", 12))],
    "number": [("1", 1), ("true", 1), ("false", 0)] + [(text(t), n) for t, n in (("0.25", 0.25), ("5e-1", 0.5), ("1", 1))],
    "boolean": [("1", True), ("0", False), ("1.0", True), ("0.0", False)] + [
        (text(t), True) for t in ("true", "True", "T", "yes", "Y", "on", "ON", "1")] + [
        (text(t), False) for t in ("false", "F", "no", "N", "off", "OFF", "0")],
}


def accepted_strings(field):
    limits = field.constraints
    for value in limits.get("enum", []):
        yield text(value), value
        if limits["case"] != "sensitive":
            yield text(value.swapcase()), value
            yield text(value.capitalize()), value
    if limits.get("empty_to_null") and field.nullable:
        yield '""', None
    yield from {
        "http-url": [(text("http://a.org"), "http://a.org"), ('"https:\\/\\/a.org\\/b"', "https://a.org/b"),
                     (text("http://a.org\n"), "http://a.org"), (text("http://a "), "http://a")],
        "iana-timezone-with-slash": [(text(t), t) for t in ("UTC", "Etc/GMT+1", "America/Argentina/Buenos_Aires")],
        "ipv4-or-full-ipv6": [(text(t), t) for t in ("::1", "2001:db8::17", "2001:db8:0:0:0:0:0:1", "0.0.0.0",
                                                      "::ffff:192.0.2.1")],
        "iso3166-alpha2": [(text("ZZ"), "ZZ")]}.get(limits.get("format"), [])
    if "max_length" in limits and "enum" not in limits and "format" not in limits:
        for character in ("x", FACE):
            yield text(character * limits["max_length"]), character * limits["max_length"]


def accepted_items(field):
    kind = field.type[6:-1]
    yield "[]", []
    if kind == "uuid":
        yield text([UUID.upper(), UUID.replace("-", "")]), [UUID, UUID]
    if field.constraints.get("max_items") == 100:
        yield text(["x"] * 101), ["x"] * 101
        yield text(["x" * 100]), ["x" * 100]
    if field.constraints.get("max_items") == 2:
        yield text(["DE", "FR", "GB"]), ["DE", "FR", "GB"]


def accepted_bounds(field):
    for bound in ("ge", "le"):
        if bound in field.constraints:
            yield str(field.constraints[bound]), field.constraints[bound]


def null_becomes(field):
    if field.absent == "generate:uuid4":
        return {"like": "uuid4"}
    if field.name == "event_date":
        return {"value": DATE}
    if field.name == "session_duration_sec":
        return {"value": 600}
    return {"value": None}


def absent_becomes(field):
    if field.absent.startswith("generate:"):
        return {"like": field.absent[9:]}
    value = json.loads(field.absent)
    return null_becomes(field) if value is None else {"value": value}


def accepted(field):
    """(JSON text or None for absent, expectation) pairs."""
    yield base_value(field), {"value": json.loads(base_value(field))}
    if not field.required:
        yield None, absent_becomes(field)
    if field.nullable:
        yield "null", null_becomes(field)
    pairs = list(LAX.get(field.type, []))
    if field.id_form == "own":
        pairs.append((text("1f0c-4ab26d1e4c579a3b0d2e-8b7c9f10"), UUID))
    if field.type == "string":
        pairs += accepted_strings(field)
    if field.type.startswith("array"):
        pairs += accepted_items(field)
    pairs += accepted_bounds(field)
    for given, wanted in pairs:
        low, high = field.constraints.get("ge"), field.constraints.get("le")
        if isinstance(wanted, (int, float)) and ((low is not None and wanted < low) or (high is not None and wanted > high)):
            continue
        yield given, {"value": wanted, "integer": field.type == "integer"}


def event_text(fields, changed, value):
    """A full event in which one member has another value (None: is absent)."""
    members = []
    for field in fields:
        given = value if field is changed else base_value(field)
        if given is not None:
            members.append("%s: %s" % (text(field.name), given))
    return "{" + ", ".join(members) + "}"


def cases_of(event, fields):
    for field in fields:
        for rule, value in violations(field):
            yield {"event": event, "field": field.name, "rule": rule, "valid": False, "given": value,
                   "text": event_text(fields, field, value)}
        for value, expect in accepted(field):
            yield {"event": event, "field": field.name, "rule": "accepted", "valid": True, "given": value,
                   "expect": expect, "text": event_text(fields, field, value)}
    whole = event_text(fields, None, None)
    yield {"event": event, "field": "colour", "rule": "unknown", "valid": False, "given": '"red"',
           "text": whole[:-1] + ', "colour": "red"}'}
    yield {"event": event, "field": "_metadata", "rule": "accepted", "valid": True, "given": "{}", "expect": {},
           "text": whole[:-1] + ', "_metadata": {"producer": "x"}}'}
    for rule, broken in (("cut", whole[:-1]), ("nan", whole[:-1] + ', "metadata": NaN}'), ("twice", whole[:-1] + ', "id": null}'),
                         ("trailing", whole + "}"), ("surrogate", whole[:-1] + ', "colour": "\\ud800"}')):
        yield {"event": event, "field": "", "rule": "malformed " + rule, "valid": False, "given": None, "text": broken}


def check_contract(path, fields):
    with open(path, encoding="utf-8") as handle:
        contract = json.load(handle)
    declared = list(contract["properties"])
    wanted = [field.name for field in fields] + ["_metadata"]
    if declared != wanted:
        raise SystemExit("%s: declares %s, expected %s" % (path, declared, wanted))
    required = [field.name for field in fields if field.required]
    if contract["required"] != required:
        raise SystemExit("%s: requires %s, expected %s" % (path, contract["required"], required))
    return contract["title"]


def main():
    project, output = sys.argv[1:]
    by_event = collections.OrderedDict()
    for field in read_fields(os.path.join(project, "tests/data/ownlens/fields.tsv")):
        by_event.setdefault(field.event, []).append(field)
    contracts = {os.path.basename(path)[:-5]: path
                 for path in glob.glob(os.path.join(project, "plugins/ownlens_*/contracts/*.json"))}
    if set(contracts) != set(by_event):
        raise SystemExit("contracts %s, expected %s" % (sorted(contracts), sorted(by_event)))
    counts = collections.Counter()
    with open(output, "w", encoding="utf-8") as out:
        for event, fields in by_event.items():
            for case in cases_of(check_contract(contracts[event], fields), fields):
                out.write(json.dumps(case) + "\n")
                counts[case["valid"]] += 1
    fields = sum(len(fields) for fields in by_event.values())
    if fields != 269 or len(by_event) != 10:
        raise SystemExit("%d fields in %d events, expected 269 in 10" % (fields, len(by_event)))
    print("%d fields: %d violations, %d accepted forms" % (fields, counts[False], counts[True]))


if __name__ == "__main__":
    main()
