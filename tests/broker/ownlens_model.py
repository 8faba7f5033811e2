"""What an OwnLens event must look like on the wire, worked out from the table of facts alone (tests/data/ownlens/fields.tsv)
and Python's own date and UUID types; knows nothing of busbar's contracts."""
import csv
import datetime
import json
import re
import uuid

import tools

UTC = datetime.timezone.utc
EAST = datetime.timezone(datetime.timedelta(hours=2))
KEYS = {"customer.user_event": "{user_id}", "customer.session": "{session_id}", "editorial.content_event": "{article_id}",
        "editorial.article": "{article_id}", "company.internal_content": "{content_id}",
        "security.security_event": "{event_id}", "compliance.compliance_event": "{event_id}", "audit.audit_log": "{log_id}",
        "data_quality.quality_metric": "{table_name}_{metric_date}", "ml_models.model_prediction": "{prediction_id}"}
TOPICS = {"customer.user_event": "customer-user-events", "customer.session": "customer-sessions",
          "editorial.content_event": "editorial-content-events", "editorial.article": "editorial-articles",
          "company.internal_content": "company-internal-content-events", "security.security_event": "security-events",
          "compliance.compliance_event": "compliance-events", "audit.audit_log": "audit-logs",
          "data_quality.quality_metric": "quality-metrics", "ml_models.model_prediction": "model-predictions"}


def load():
    fields = {}
    path = tools.kit.os.path.join(tools.kit.ROOT, "tests", "data", "ownlens", "fields.tsv")
    with open(path, newline="") as table:
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            row["constraints"] = json.loads(row["constraints"])
            fields.setdefault(row["event"], []).append(row)
    return fields


FIELDS = load()


def fields_of(event):
    return FIELDS[event.split(".")[1]]


def timestamp(value):
    """The instant and its canonical text."""
    if isinstance(value, str) and not re.fullmatch(r"-?\d+", value):
        at = datetime.datetime.fromisoformat(value.replace(" ", "T").replace("Z", "+00:00"))
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
    else:
        number = float(value)
        at = datetime.datetime.fromtimestamp(number / 1000 if abs(number) > 2e10 else number, UTC)
    return at, at.isoformat().replace("+00:00", "Z")


def canonical(field, value):
    """The form of a given value in which it leaves."""
    kind, rules = field["type"], field["constraints"]
    if value is None or value == "" and rules.get("empty_to_null"):
        return None
    if kind == "uuid":
        return str(uuid.UUID(value))
    if kind == "array<uuid>":
        return [str(uuid.UUID(item)) for item in value]
    if kind == "datetime":
        return timestamp(value)[1]
    if kind == "date":
        return value[:10] if isinstance(value, str) else timestamp(value)[1][:10]
    if kind == "integer":
        return int(float(value))
    if kind == "number":
        return float(value)
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() in ("1", "true", "t", "yes", "y", "on")
    if kind == "string" and rules.get("case") in ("lower", "upper"):
        value = value.lower() if rules["case"] == "lower" else value.upper()
    return value.strip() if rules.get("trim_after_match") else value


class Generated:
    """Stands for a value that busbar makes: a new version 4 UUID, or a time between two others."""

    def __init__(self, kind, start=None, end=None):
        self.kind, self.start, self.end = kind, start, end

    def __eq__(self, value):
        if self.kind == "uuid4":
            return isinstance(value, str) and str(uuid.UUID(value)) == value and uuid.UUID(value).version == 4
        return self.start <= timestamp(value)[0] <= self.end and timestamp(value)[1] == value

    def __repr__(self):
        return f"<generated {self.kind} {self.start or ''} {self.end or ''}>"


def expected(event, given, start, end):
    """`given`, published between `start` and `end`, as it must leave: without _metadata."""
    result = {}
    for field in fields_of(event):
        name, absent = field["field"], field["absent"]
        if name in given and not (given[name] is None and absent == "generate:uuid4"):
            result[name] = canonical(field, given[name])
        elif absent.startswith("generate:"):
            result[name] = Generated(absent.split(":")[1], start, end)
        else:
            result[name] = json.loads(absent)
    derive(event, given, result, start)
    return result


def derive(event, given, result, now):
    if event in ("customer.user_event", "editorial.content_event") and result["event_date"] is None:
        at = result["event_timestamp"]
        if at is not None:
            result["event_date"] = (now.isoformat() if isinstance(at, Generated) else at)[:10]
    if event == "customer.session" and result["session_duration_sec"] is None:
        start, end = result["session_start"], result["session_end"]
        if isinstance(start, str) and end is not None:
            result["session_duration_sec"] = int((timestamp(end)[0] - timestamp(start)[0]).total_seconds())


def lax(event, given):
    """The same event in other forms that are accepted."""
    result, turn = {}, 0
    for field in fields_of(event):
        name = field["field"]
        if name not in given:
            continue
        result[name] = other_form(field, given[name], turn)
        turn += 1
    return result


def other_form(field, value, turn):
    kind, rules = field["type"], field["constraints"]
    if value is None or kind == "boolean" and isinstance(value, str):
        return value
    if kind in ("integer", "number") and isinstance(value, (bool, str)):
        return value  # in another form already
    if kind == "uuid":
        plain = str(uuid.UUID(value))
        return [plain.upper(), plain.replace("-", ""), "{" + plain + "}", "urn:uuid:" + plain][turn % 4]
    if kind == "datetime":
        at = timestamp(value)[0].astimezone(UTC)
        offset = "Z" if field["field"].startswith("session_") else ""  # both ends of a session with one, or both without
        return [at.strftime("%Y-%m-%d %H:%M:%S") + offset, at.astimezone(EAST).isoformat(), int(at.timestamp()),
                str(int(at.timestamp()) * 1000)][turn % 4]
    if kind == "date":
        return value[:10] + "T00:00:00" if isinstance(value, str) else value
    if kind == "integer":
        return [str(value), float(value)][turn % 2]
    if kind == "number":
        return str(value)
    if kind == "boolean":
        return ("YES" if value else "Off") if turn % 2 else int(value)
    if kind == "string" and rules.get("case") in ("lower", "upper"):
        return value.swapcase()
    return value


def sparse(event, given):
    """Only what is required."""
    return {field["field"]: given[field["field"]] for field in fields_of(event) if field["required"] == "required"}


def nulls(event, given):
    """Null wherever that is allowed."""
    return {field["field"]: None if field["nullable"] == "nullable" else given[field["field"]] for field in fields_of(event)
            if field["nullable"] == "nullable" or field["field"] in given}


def key_of(event, value):
    return json.dumps(KEYS[event].format(**value), ensure_ascii=False).encode()
