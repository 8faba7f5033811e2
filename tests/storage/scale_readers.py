"""Reads the rows of an event type from each store in the order of their ids, by readers that are not busbar's, and says for each column
what a value of an event must be there. Columns and their types are asked of the store. Nothing is held but some thousand rows,
and of the data lake's formats one event type as DuckDB keeps it."""
import datetime
import decimal
import json
import os
import re
import struct
import subprocess
import urllib.request

from scale_events import FIELDS, TYPES, Made

TABLES = {"audit.audit_log": "audit_logs", "company.internal_content": "company_internal_content",
          "compliance.compliance_event": "audit_compliance_events", "customer.session": "customer_sessions",
          "customer.user_event": "customer_events", "data_quality.quality_metric": "data_quality_metrics",
          "editorial.article": "editorial_articles", "editorial.content_event": "editorial_content_events",
          "ml_models.model_prediction": "ml_model_predictions", "security.security_event": "audit_security_events"}
OTHER = {"publish_date": "publish_time", "author_id": "author_employee_id", "created_date": "created_at"}  # column: member it is made of
CONSTANT = {"is_published": 0, "is_active": 1}  # columns that no member fills: the table's default
PAGE = 5000


class Cell:
    """A Made as a store shows it."""

    def __init__(self, made, how):
        self.made, self.how = made, how

    def __eq__(self, value):
        made, how = self.made, self.how
        if how == "text":
            at = datetime.datetime.fromisoformat(value)
            return made.takes(round(at.timestamp() * 1_000_000)) and value == at.isoformat().replace("+00:00", "Z")
        if how == "microseconds":
            return made.takes(value)
        if made.seen is not None:
            return value == (made.seen // 1_000_000 if how == "seconds" else day_of(made.seen))
        low, high = (n // 1_000_000 if how == "seconds" else day_of(n) for n in (made.start, made.end))
        return low <= value <= high

    def __repr__(self):
        return f"{self.made} as {self.how}"


def single(number):
    """As a float of 32 bits holds it."""
    return struct.unpack("f", struct.pack("f", float(number)))[0]


def day_of(microseconds):
    return str(datetime.datetime.fromtimestamp(microseconds // 1_000_000, datetime.timezone.utc).date())


def shown(kind, how):
    """The function from what a member was read as to what a cell must be; `kind`: the member's in the table of facts."""
    def of(value):
        if value is None:
            return how.get("null")
        if isinstance(value, Made):
            return Cell(value, how["datetime"])
        return convert(value)
    convert = how.get(kind, lambda value: value)
    if kind in ("datetime", "date"):  # the one may be in a column of the other
        form = how["datetime"]
        convert = {"microseconds": lambda v: v[1], "seconds": lambda v: v[1] // 1_000_000,
                   "text": lambda v: v[0] if isinstance(v, tuple) else v,
                   "day": lambda v: v[0][:10] if isinstance(v, tuple) else v, "utc day": lambda v: day_of(v[1])}[form]
        how = {**how, "datetime": "day" if form == "utc day" or kind == "date" else form}
    return of


def kinds_of(event):
    return {field["field"]: field["type"] for field in FIELDS[event]}


class Rows:
    """Of an event type in a store. `columns`: (column, member or None, function or constant), the id's first; iterating gives lists
    of cells in that order."""

    def __init__(self, place, event):
        self.place, self.event, self.kinds = place, event, kinds_of(event)
        self.own = TYPES[event][1]
        self.columns, self.select = [], []
        for column, kind in sorted(self.describe(), key=lambda pair: (pair[0] != self.own, pair[0])):
            self.add(column, kind)
        if not self.columns or self.columns[0][0] != self.own:
            raise AssertionError(f"{event}: no column {self.own} in {self.columns}")

    def add(self, column, kind):
        member = column if column in self.kinds else OTHER.get(column)
        if member is None and column not in CONSTANT:
            raise AssertionError(f"{self.event}: nobody knows what is to be in column {column}")
        select, how = self.form(column, kind, self.kinds.get(member))
        self.select.append(select)
        self.columns.append((column, member, CONSTANT[column] if member is None else shown(self.kinds[member], how)))

    def expected(self, event):
        return [form if member is None else form(event[member]) for _, member, form in self.columns]


class Postgresql(Rows):
    """By psql's COPY; each row as a JSON array."""
    handler = "postgresql"

    def psql(self, text):
        return subprocess.Popen([self.place["psql"], "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text],
                                env={**os.environ, **self.place["pg"]}, stdout=subprocess.PIPE, bufsize=1 << 20)

    def describe(self):
        with self.psql("SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped "
                       f"AND attrelid = '{TABLES[self.event]}'::regclass") as process:
            return [tuple(line.decode().rstrip("\n").split("|")) for line in process.stdout]

    @staticmethod
    def form(column, kind, _):
        exact = re.fullmatch(r"numeric\((\d+),(\d+)\)", kind)
        if exact:
            step = decimal.Decimal(1).scaleb(-int(exact[2]))
            return f"{column}::text", {"datetime": "", "number": lambda v: f"{v.quantize(step, decimal.ROUND_HALF_UP):f}"}
        if kind == "timestamp with time zone":
            return f"(extract(epoch FROM {column}) * 1000000)::bigint", {"datetime": "microseconds"}
        return column, {"datetime": "day"}

    def __iter__(self):
        text = (f"COPY (SELECT json_build_array({', '.join(self.select)}) FROM {TABLES[self.event]} ORDER BY {self.own}) "
                "TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')")
        with self.psql(text) as process:
            for line in process.stdout:
                yield json.loads(line, parse_float=decimal.Decimal)
        if process.returncode:
            raise AssertionError(f"psql: {process.returncode}")


class Clickhouse(Rows):
    """By queries of the engine, a page at a time."""
    handler = "clickhouse"

    def query(self, text):
        request = urllib.request.Request(self.place["url"] + "/?output_format_json_quote_64bit_integers=0", data=text.encode(),
                                         headers={"X-ClickHouse-Key": self.place["key"]})
        with urllib.request.urlopen(request, timeout=600) as answer:
            return [json.loads(line) for line in answer.read().splitlines()]

    @property
    def table(self):
        return f"{self.place['database']}.{TABLES[self.event]}"

    def describe(self):
        self.json = []
        self.made = {row[0] for row in self.query(f"DESCRIBE TABLE {self.table} FORMAT JSONCompactEachRow") if row[2] == "MATERIALIZED"}
        return [row[:2] for row in self.query(f"DESCRIBE TABLE {self.table} FORMAT JSONCompactEachRow")]

    def add(self, column, kind):
        if column in self.made:  # event_date: the day of event_timestamp as the server counts
            self.columns.append((column, "event_timestamp", shown("datetime", {"datetime": "utc day"})))
            self.select.append(f"toString({column})")
        else:
            super().add(column, kind)

    def form(self, column, kind, member):
        whole = {"integer": lambda v: v, "boolean": int, "null": 0, "datetime": ""}
        if kind == "DateTime":
            return f"toUnixTimestamp({column})", {"datetime": "seconds", "null": 0}
        if kind == "Date":
            return f"toString({column})", {"datetime": "day", "null": "1970-01-01"}
        if kind == "Float32":
            return f"toFloat64({column})", {"number": single, "null": 0, "datetime": ""}
        if kind == "Float64":
            return column, {"number": float, "null": 0, "datetime": ""}
        if kind == "String":
            if member == "object" or member.startswith("array"):
                self.json.append(len(self.columns))
            return column, {"null": "", "datetime": "text"}
        return column, whole

    def __iter__(self):
        last = ""
        while True:
            rows = self.query(f"SELECT {', '.join(self.select)} FROM {self.table} WHERE {self.own} >= '{last}' "
                              f"ORDER BY {self.own} LIMIT {PAGE} FORMAT JSONCompactEachRow")
            # a page begins where the one before ended, so that an id that is there twice is seen twice
            final = len(rows) < PAGE
            kept = rows if final else [row for row in rows if row[0] != rows[-1][0]]
            if not final and not kept:
                raise AssertionError(f"{self.table}: {PAGE} rows and more of the id {rows[0][0]}")
            for row in kept:
                for index in self.json:
                    row[index] = json.loads(row[index], parse_float=decimal.Decimal) if row[index] else row[index]
                yield row
            if final:
                return
            last = rows[-1][0]


class Lake(Rows):
    """By DuckDB, over Parquet files or over what deltalake says is the table."""

    @property
    def folder(self):
        return os.path.join(self.place["bucket"], self.handler, *self.event.split("."))

    def describe(self):
        import duckdb
        self.json = []
        self.base = duckdb.connect(config={"threads": 1, "preserve_insertion_order": False})
        self.source()
        return [row[:2] for row in self.base.execute("DESCRIBE rows").fetchall()]

    def form(self, column, kind, member):
        if kind == "TIMESTAMP WITH TIME ZONE":
            return f"epoch_us({column})", {"datetime": "microseconds"}
        if kind == "DATE":
            return f"CAST({column} AS VARCHAR)", {"datetime": "day"}
        if kind == "DOUBLE":
            return column, {"number": float, "datetime": ""}
        if kind == "VARCHAR" and (member == "object" or member.startswith("array")):
            self.json.append(len(self.columns))
        return column, {"datetime": "text"}

    def __iter__(self):
        found = self.base.execute(f"SELECT {', '.join(self.select)} FROM rows ORDER BY {self.own}")
        while True:
            rows = found.fetchmany(PAGE)
            if not rows:
                return
            for row in map(list, rows):
                for index in self.json:
                    row[index] = json.loads(row[index], parse_float=decimal.Decimal) if row[index] is not None else None
                yield row


class Parquet(Lake):
    handler = "parquet"

    def source(self):
        self.base.execute(f"CREATE VIEW rows AS SELECT * FROM read_parquet('{self.folder}/*/*.parquet', hive_partitioning = true)")


class Delta(Lake):
    handler = "delta"

    def source(self):
        import deltalake
        table = deltalake.DeltaTable(self.folder)
        self.base.register("rows", table.to_pyarrow_table())


class Lines(Rows):
    """JSON lines, unpacked and sorted by DuckDB; values as they are written."""
    handler = "lines"

    def describe(self):
        return [(name, "") for name in self.kinds]

    @staticmethod
    def form(column, _, member):
        return column, {"datetime": "text"}

    def __iter__(self):
        import duckdb
        base = duckdb.connect(config={"threads": 1, "preserve_insertion_order": False})
        files = os.path.join(self.place["bucket"], self.handler, *self.event.split("."), "*", "*.jsonl.zst")
        found = base.execute(f"SELECT json FROM read_ndjson_objects('{files}') ORDER BY json->>'$.{self.own}'")
        while True:
            rows = found.fetchmany(PAGE)
            if not rows:
                return
            for (text,) in rows:
                row = json.loads(text, parse_float=decimal.Decimal)
                cells = [row.pop(column, "absent") for column, *_ in self.columns]
                row.pop("_metadata", None)
                yield cells if not row else cells + [row]  # members that nobody declared make it another row


READERS = {reader.handler: reader for reader in (Postgresql, Clickhouse, Delta, Parquet, Lines)}
