/* What the handler's configuration may look like. */
#ifndef PG_CONFIG_SCHEMA_H
#define PG_CONFIG_SCHEMA_H

#define NUMBER(name, text)                                                                         \
    "\"" name                                                                                      \
    "\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":2147483647,\"description\":\"" text "\"}"
#define TABLE_KEYS                                                                                 \
    "\"table\":{\"type\":\"string\",\"minLength\":1,\"description\":\"table; {domain}, "           \
    "{event}\"},"                                                                                  \
    "\"mode\":{\"enum\":[\"insert\",\"upsert\",\"append\"],\"description\":\"insert: a row whose " \
    "key is there stays as it is; upsert: it is replaced; append: no key is looked at\"},"         \
    "\"key\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":\"columns by "    \
    "which a row is known\"},"                                                                     \
    "\"columns\":{\"type\":\"object\",\"additionalProperties\":{\"type\":[\"string\",\"null\"]},"  \
    "\"description\":\"column: member of the event or JSON pointer; null leaves it out\"}"

static const char
    config_schema
        [] = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
             "\"connection\":{\"type\":\"object\",\"additionalProperties\":{\"type\":[\"string\","
             "\"integer\"]},\"description\":\"keywords of libpq: host, port, dbname, user, "
             "password, "
             "sslmode, sslrootcert, ...\"},"
             "\"schema\":{\"type\":\"string\",\"minLength\":1,\"description\":\"default public\"},"
             "\"offsets_table\":{\"type\":\"string\",\"minLength\":1,\"description\":\"default "
             "busbar_offsets\"},"
             "\"exactly_once\":{\"type\":\"boolean\",\"description\":\"offsets in the same "
             "transaction; "
             "default true\"}," TABLE_KEYS
             ",\"events\":{\"type\":\"object\",\"additionalProperties\":{"
             "\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" TABLE_KEYS
             "}}}," NUMBER("statement_timeout_ms", "of each statement; default 60000") "," NUMBER("lock_timeout_ms", "of waiting for a lock; default 30000") "," NUMBER(
                 "idle_transaction_timeout_ms",
                 "before the server ends an open transaction that does "
                 "nothing; default 60000") "," NUMBER("takeover_ms",
                                                      "before a fenced-off worker that still has "
                                                      "its partition takes it again; "
                                                      "default 10000") "," NUMBER("months_ahead",
                                                                                  "partitions that "
                                                                                  "storage apply "
                                                                                  "makes ahead; "
                                                                                  "default 3") "," NUMBER("months_back",
                                                                                                          "partitions that storage apply makes for months past; default 1") "}}";

#undef NUMBER
#undef TABLE_KEYS

#endif
