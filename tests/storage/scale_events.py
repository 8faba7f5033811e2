"""Events of the ten OwnLens types, valid and bad, and what each member of them must be read as: made from the table of facts
(tests/data/ownlens/fields.tsv) and Python's own types alone; knows nothing of busbar and its contracts."""
import csv
import datetime
import decimal
import functools
import ipaddress
import json
import os
import random
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = datetime.timedelta(microseconds=1)
# event type: topic, the member that tells events apart, key of the record
TYPES = {"audit.audit_log": ("audit-logs", "log_id", "{log_id}"),
         "company.internal_content": ("company-internal-content-events", "content_id", "{content_id}"),
         "compliance.compliance_event": ("compliance-events", "event_id", "{event_id}"),
         "customer.session": ("customer-sessions", "session_id", "{session_id}"),
         "customer.user_event": ("customer-user-events", "event_id", "{user_id}"),
         "data_quality.quality_metric": ("quality-metrics", "metric_id", "{table_name}_{metric_date}"),
         "editorial.article": ("editorial-articles", "article_id", "{article_id}"),
         "editorial.content_event": ("editorial-content-events", "event_id", "{article_id}"),
         "ml_models.model_prediction": ("model-predictions", "prediction_id", "{prediction_id}"),
         "security.security_event": ("security-events", "event_id", "{event_id}")}
POSTGRESQL, CLICKHOUSE = "postgresql", "clickhouse"
# What the contract takes and the column of a store does not: member, value, the store that refuses it.
STRICTER = {
    "audit.audit_log": [("request_size_bytes", 2 ** 31, POSTGRESQL), ("status_code", 70000, CLICKHOUSE)],
    "company.internal_content": [("target_employee_levels", ["x" * 51], POSTGRESQL), ("publish_time", None, POSTGRESQL),
                                 ("expiry_date", "1969-12-31", CLICKHOUSE)],
    "compliance.compliance_event": [("records_affected", 2 ** 31, POSTGRESQL),
                                    ("requested_at", "1969-12-31T23:59:59Z", CLICKHOUSE)],
    "customer.session": [("session_duration_sec", 2 ** 31, POSTGRESQL), ("total_events", 65536, CLICKHOUSE)],
    "customer.user_event": [("article_id", "x" * 256, POSTGRESQL), ("event_timestamp", "2107-01-01T00:00:00Z", CLICKHOUSE)],
    "data_quality.quality_metric": [("total_records", 2 ** 31, POSTGRESQL), ("metric_date", "1969-12-31", CLICKHOUSE)],
    "editorial.article": [("meta_keywords", ["x" * 501], POSTGRESQL), ("image_count", 65536, CLICKHOUSE)],
    "editorial.content_event": [("event_timestamp", "1969-12-31T23:59:59Z", CLICKHOUSE)],
    "ml_models.model_prediction": [("prediction_value", 10 ** 11, POSTGRESQL),
                                   ("actual_observed_at", "1969-12-31T23:59:59Z", CLICKHOUSE)],
    "security.security_event": [("event_timestamp", "2107-01-01T00:00:00Z", CLICKHOUSE)]}
WORDS = ["reader", "Zo\u00eb", "\u0416\u0443\u043a", "a \"quoted\" word", "back\\slash", "line\nbreak", "tab\there", "\U0001f600", "it's",
         "{brace}", "[1,2]", "null", "\\N", "100%", "caf\u00e9", "\u6f22\u5b57", "x,y;z", "<b>", "\u2028", "end "]
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Etc/GMT+1", "Africa/Cairo"]
OFFSETS = [datetime.timezone(datetime.timedelta(minutes=m)) for m in (0, 120, -300, 330, 840)]


def load():
    fields = {}
    with open(os.path.join(ROOT, "tests", "data", "ownlens", "fields.tsv"), newline="") as table:
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            row["constraints"] = json.loads(row["constraints"])
            fields.setdefault(row["event"], []).append(row)
    return {event: fields[event.split(".")[1]] for event in TYPES}


FIELDS = load()
ABSENT = object()


class Maker:
    """Makes events of one type. `day`: the first of the three days that their times lie in."""

    def __init__(self, event, seed, day):
        self.event, self.fields, self.own = event, FIELDS[event], TYPES[event][1]
        self.dice = random.Random(f"{seed} {event}")
        self.day = datetime.datetime.combine(day, datetime.time(), UTC)
        self.pool = [self.uuid() for _ in range(500)]
        # events are put together from values that are made once: as many combinations, in a fifth of the time
        self.values = [(field["field"], [self.value(field) for _ in range(2000 if field["type"] == "datetime" else 400)])
                       for field in self.fields if field["field"] != self.own]

    def uuid(self, head=None):
        made = f"{self.dice.getrandbits(128):032x}"
        head = made[:8] if head is None else f"{head:08x}"
        return f"{head}-{made[8:12]}-4{made[13:16]}-a{made[17:20]}-{made[20:]}"

    def valid(self, number):
        """Ids rise with the number, so whatever is sorted by id is in the order in which it was made."""
        event, pick = {self.own: self.form_of_uuid(self.uuid(number), True)}, self.dice.random
        for name, values in self.values:
            value = values[int(pick() * len(values))]
            if value is not ABSENT:
                event[name] = value
        self.settle(event, number)
        return event

    def value(self, field):
        name, chance = field["field"], self.dice.random()
        if field["required"] != "required":
            made = field["absent"].startswith("generate:")
            if chance < (0.03 if made else 0.2):
                return ABSENT
            nullable = field["nullable"] == "nullable" and name not in ("event_timestamp", "publish_time", "session_start")
            if nullable and chance < (0.05 if made else 0.35):
                return None
        return getattr(self, "make_" + field["type"].split("<")[0])(field)

    def settle(self, event, number):
        """What must hold between members."""
        if self.event == "data_quality.quality_metric":  # the table's unique key
            event["table_name"], event["column_name"] = f"table {number % 97}", f"column {number}"
        if event.get("session_end") is not None:
            if event.get("session_start", None) is None:
                event["session_end"] = None
            else:
                start = instant(event["session_start"])[1] // 1_000_000
                event["session_end"] = self.form_of_instant(EPOCH + datetime.timedelta(
                    seconds=start + 1 + self.dice.randrange(5000), microseconds=self.dice.choice([0, 999_999, 1])), False)

    def form_of_uuid(self, text, own=False):
        turn = self.dice.randrange(10)
        if turn == 0:
            return text.upper()
        if turn == 1:
            return text.replace("-", "")
        if turn == 2:
            return "{" + text + "}"
        if turn == 3:
            return "urn:uuid:" + text
        return text.replace("-", "").replace("a", "a-", 1) if turn == 4 and own else text

    def make_uuid(self, field):
        return self.form_of_uuid(self.dice.choice(self.pool), field["id_form"] == "own")

    def make_datetime(self, field):
        at = self.day + datetime.timedelta(microseconds=self.dice.randrange(3 * 86_400_000_000))
        return self.form_of_instant(at, not field["field"].startswith("session_"))

    def form_of_instant(self, at, may_lack_offset):
        turn = self.dice.randrange(8)
        if turn < 2:
            at = at.replace(microsecond=at.microsecond // 1000 * 1000 if turn else 0)
        if turn == 2:
            return int(at.timestamp())
        if turn == 3:
            return str(int(at.timestamp()) * 1000 + 7)
        if turn == 4 and may_lack_offset:
            return at.replace(tzinfo=None).isoformat(self.dice.choice("T "))
        if turn == 5:
            return at.isoformat().replace("+00:00", "Z")
        return at.astimezone(self.dice.choice(OFFSETS)).isoformat()

    def make_date(self, field):
        day = str((self.day + datetime.timedelta(days=self.dice.randrange(3))).date())
        return day + "T00:00:00" if self.dice.random() < 0.1 else day

    def make_integer(self, field):
        top = field["constraints"].get("le", self.dice.choice([9, 200, 60000 if field["field"] != "scroll_depth_avg" else 100]))
        value = self.dice.randint(0, min(top, 60 if field["field"] == "reading_time_minutes" else top))
        turn = self.dice.randrange(20)
        return str(value) if turn == 0 else float(value) if turn == 1 else value

    def make_number(self, field):
        rules = field["constraints"]
        if "le" in rules:
            value = round(self.dice.random(), self.dice.choice([2, 4, 5, 8]))
        else:
            value = round(self.dice.uniform(0 if "ge" in rules else -1e6, 1e6), self.dice.choice([0, 2, 3, 9]))
        return str(value) if self.dice.random() < 0.05 else value

    def make_boolean(self, field):
        value = self.dice.random() < 0.5
        turn = self.dice.randrange(20)
        return int(value) if turn == 0 else ("YES" if value else "off") if turn == 1 else value

    def make_object(self, field):
        return {"n": self.dice.getrandbits(50), self.text(20): self.text(30), "list": [1, 2.5, None, True, {"deep": self.text(9)}],
                "rate": round(self.dice.random(), 6)}

    def make_array(self, field):
        count, kind = self.dice.randrange(4), field["type"]
        if kind == "array<uuid>":
            return [self.form_of_uuid(self.dice.choice(self.pool)) for _ in range(count)]
        if kind == "array<object>":
            return [self.make_object(field) for _ in range(count)]
        if field["constraints"].get("max_items") == 2:  # of the letters of each, see docs/ownlens.md
            return [self.dice.choice(["DE", "FR", "IN"]) for _ in range(count)]
        return [self.text(50) for _ in range(count)]

    def text(self, most):
        text = " ".join(self.dice.choice(WORDS) for _ in range(self.dice.randrange(1, 5)))
        return text[:most]

    def make_string(self, field):
        rules, name = field["constraints"], field["field"]
        if rules.get("empty_to_null") and field["nullable"] == "nullable" and self.dice.random() < 0.1:
            return ""
        if "enum" in rules:
            value = self.dice.choice(rules["enum"])
            return value.swapcase() if rules.get("case") in ("lower", "upper") and self.dice.random() < 0.2 else value
        form = rules.get("format", "")
        if form == "http-url":
            return f"https://www.example.org/{self.dice.randrange(10 ** 6)}/a?b=c%20d#e"
        if form == "iso3166-alpha2":
            return self.dice.choice(["DE", "FR", "IN", "US"])
        if form.startswith("iana"):
            return self.dice.choice(ZONES)
        if form.startswith("ipv4"):
            kind = self.dice.choice([ipaddress.IPv4Address, ipaddress.IPv6Address])
            return str(kind(self.dice.getrandbits(32 if kind is ipaddress.IPv4Address else 127) | 1 << 31))
        most = min(rules.get("max_length", 200), 50 if name == "article_type" else 255 if name == "article_id" else 500)
        return "\u00e4" * most if self.dice.random() < 0.01 else self.text(most)

    def bad(self, number):
        """An event, as bytes, that breaks one rule of the contract, with the pointer to it (None: it is no JSON)."""
        event, turn = self.valid(number), self.dice.randrange(6)
        named = [f["field"] for f in self.fields if f["type"] == "uuid" and f["required"] == "required"]
        if turn == 0:
            return dump(event)[:-self.dice.randrange(2, 20)], None
        if turn == 1:
            del event[self.dice.choice([f["field"] for f in self.fields if f["required"] == "required"])]
            return dump(event), ""
        if turn == 2:
            event["no_such_member"] = 1
            return dump(event), "/no_such_member"
        name, value = [(self.dice.choice(named), "not-a-uuid"), ("created_at", "the day before yesterday"),
                       ("metadata", "no object")][turn - 3]
        event[name] = value
        return dump(event), "/" + name

    def stricter(self, number):
        """An event that keeps the contract, and does not fit a column: its key and bytes, the member and the store that refuses it."""
        event = self.valid(number)
        name, value, store = self.dice.choice(STRICTER[self.event])
        event[name] = value
        return key_of(self.event, event), dump(event), name, store


def dump(event, escape=False):
    return json.dumps(event, ensure_ascii=escape, separators=(",", ":")).encode()


def key_of(event, given):
    """As the old producers write it: a JSON string."""
    forms = {"table_name": str, "metric_date": lambda value: value[:10]}
    names = re.findall(r"{(\w+)}", TYPES[event][2])
    return json.dumps(TYPES[event][2].format(**{name: forms.get(name, plain_uuid)(given[name]) for name in names}),
                      ensure_ascii=False).encode()


class Made:
    """Stands for a time that busbar makes: between two others, in microseconds, and the same in every store."""

    def __init__(self, start, end):
        self.start, self.end, self.seen = start, end, None

    def takes(self, value):
        if self.seen is None and self.start <= value <= self.end:
            self.seen = value
        return value == self.seen

    def __repr__(self):
        return f"<a time from {self.start} to {self.end}, seen {self.seen}>"


@functools.lru_cache(1 << 16)
def instant(value):
    """The canonical text of a timestamp, and its microseconds."""
    if isinstance(value, str) and not re.fullmatch(r"-?\d+", value):
        at = datetime.datetime.fromisoformat(value)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
    else:
        number = int(value)
        number = number * 1000 if abs(number) > 20_000_000_000 else number * 1_000_000
        at = EPOCH + datetime.timedelta(microseconds=number)
    return at.isoformat().replace("+00:00", "Z"), (at - EPOCH) // MICROSECOND


@functools.lru_cache(1 << 14)
def plain_uuid(value):
    digits = value.lower().replace("urn:uuid:", "").strip("{}").replace("-", "")
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def canonical(field):
    """The function from what is given to what is read, of a field; null is not given to it."""
    kind, rules = field["type"], field["constraints"]
    if kind == "string" and rules.get("case") in ("lower", "upper"):
        return str.lower if rules["case"] == "lower" else str.upper
    if kind == "string" and rules.get("empty_to_null"):
        return lambda value: value or None
    return {"uuid": plain_uuid, "array<uuid>": lambda value: [plain_uuid(item) for item in value], "datetime": instant,
            "date": lambda value: value[:10], "integer": int, "number": decimal.Decimal, "boolean": lambda value: value if isinstance(
                value, bool) else str(value).lower() in ("1", "true", "t", "yes", "y", "on")}.get(kind, lambda value: value)


READ = {event: [(field["field"], canonical(field), field["absent"].startswith("generate:"), field["absent"]) for field in fields]
        for event, fields in FIELDS.items()}


def read(event, line, start, end):
    """What each declared member of a line, sent between `start` and `end`, must be read as: times as (text, microseconds), numbers
    as decimals; a Made for what busbar makes."""
    given = json.loads(line, parse_float=decimal.Decimal)
    result = {}
    for name, form, made, absent in READ[event]:
        value = given.get(name, ABSENT)
        if value is ABSENT:
            result[name] = Made(start, end) if made else None if absent == "null" else json.loads(absent) if absent != "-" else ABSENT
        else:
            result[name] = None if value is None else form(value)
    if result.get("event_date", "") is None and event in ("customer.user_event", "editorial.content_event"):
        at = result["event_timestamp"]
        result["event_date"] = at[0][:10] if isinstance(at, tuple) else at
    if event == "customer.session" and result["session_duration_sec"] is None:
        first, last = result["session_start"], result["session_end"]
        if isinstance(first, tuple) and last is not None:
            result["session_duration_sec"] = (last[1] - first[1]) // 1_000_000
    return result
