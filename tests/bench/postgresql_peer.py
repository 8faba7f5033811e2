#!/usr/bin/env python3
"""The peer of the postgresql bench: events of a topic to committed rows as a Python pipeline does it, with a consumer that takes one
message at a time, a pydantic model for each (that of pydantic_peer.py, for busbar checks each event too), and a pandas frame for each
batch that SQLAlchemy (psycopg) inserts and commits. The offsets are committed to Kafka after the rows; a row is not known again. Prints the seconds from the first message to
the last commit.

  postgresql_peer.py BOOTSTRAP TOPIC TABLE ROWS BATCH GROUP     (the database by PGHOST, PGPORT, PGUSER, PGPASSWORD)"""
import sys
import time

import pandas
import sqlalchemy
from confluent_kafka import Consumer
from pydantic import ConfigDict
from pydantic_peer import UserEvent
from sqlalchemy.dialects.postgresql import UUID


class Received(UserEvent):
    model_config = ConfigDict(extra="ignore")  # the producer's _metadata


def main():
    bootstrap, topic, table, rows, size, group = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6]
    engine = sqlalchemy.create_engine("postgresql+psycopg://")
    with engine.connect() as connection:
        columns = sqlalchemy.inspect(connection).get_columns(table)
    names = [column["name"] for column in columns]
    types = {column["name"]: UUID(as_uuid=False) if isinstance(column["type"], UUID) else column["type"] for column in columns}
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest",
                         "enable.auto.commit": False})
    consumer.subscribe([topic])
    stored, batch, begin = 0, [], None
    while stored < rows:
        message = consumer.poll(1.0)
        if message is None or message.error():
            continue
        begin = begin or time.monotonic()
        event = Received.model_validate_json(message.value()).model_dump(mode="json")
        batch.append({name: event.get(name) for name in names})
        if len(batch) < size and stored + len(batch) < rows:
            continue
        frame = pandas.DataFrame(batch, dtype=object)
        frame["event_date"] = frame["event_timestamp"].str[:10]
        frame.to_sql(table, engine, if_exists="append", index=False, dtype=types)
        consumer.commit(asynchronous=False)
        stored += len(batch)
        batch = []
    print(time.monotonic() - begin)
    consumer.close()


if __name__ == "__main__":
    main()
