/* What the handler's configuration may look like. */
#ifndef CH_CONFIG_SCHEMA_H
#define CH_CONFIG_SCHEMA_H

/* clang-format off */
#define TEXT(name, text)                                                                           \
    "\"" name "\":{\"type\":\"string\",\"minLength\":1,\"description\":\"" text "\"}"
#define NUMBER(name, least, text)                                                                  \
    "\"" name "\":{\"type\":\"integer\",\"minimum\":" least                                        \
    ",\"maximum\":2147483647,\"description\":\"" text "\"}"
#define BOOLEAN(name, text)                                                                        \
    "\"" name "\":{\"type\":\"boolean\",\"description\":\"" text "\"}"
#define TABLE_KEYS                                                                                 \
    TEXT("table", "table; {domain}, {event}")                                                      \
    ",\"columns\":{\"type\":\"object\",\"additionalProperties\":{\"type\":[\"string\",\"null\"]}," \
    "\"description\":\"column: member of the event or JSON pointer; null leaves it out\"}"

static const char config_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"url\"],\"properties\":{"
    TEXT("url", "http://host:8123 or https://host:8443") ","
    TEXT("database", "default ownlens_analytics") ","
    TEXT("user", "default: the default user of the server") ","
    "\"password\":{\"type\":\"string\",\"description\":\"of the user\"},"
    TEXT("ca_file", "certificates to trust instead of those of the system") ","
    TEXT("client_certificate", "file") ","
    TEXT("client_key", "file") ","
    BOOLEAN("verify", "false: the certificate of the server is not checked; default true") ","
    NUMBER("timeout_ms", "1", "of a request; default 60000") ","
    NUMBER("connect_timeout_ms", "1", "default 5000") ","
    "\"compression\":{\"enum\":[\"zstd\",\"gzip\",\"none\"],"
    "\"description\":\"of what is sent; default: the first that was built in\"},"
    "\"settings\":{\"type\":\"object\",\"additionalProperties\":{\"type\":[\"string\",\"integer\"]},"
    "\"description\":\"settings of ClickHouse for every query, such as insert_quorum\"},"
    TABLE_KEYS ","
    "\"events\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"object\","
    "\"additionalProperties\":false,\"properties\":{" TABLE_KEYS "}}},"
    BOOLEAN("exactly_once", "batches are recorded before and after their insert; default true") ","
    TEXT("batches_table", "default busbar_batches") ","
    NUMBER("deduplication_window", "1", "that storage apply gives to tables; default 10000") ","
    NUMBER("takeover_ms", "0",
           "before a fenced-off worker that still has its partition takes it again; default 10000")
    "}}";
/* clang-format on */

#undef TEXT
#undef NUMBER
#undef BOOLEAN
#undef TABLE_KEYS

#endif
