/* Reads and writes records of a topic as they are, one a line, without busbar; the bytes of a field
 * are "x" and its hexadecimal digits, "-" is null.
 *
 *   wire read BOOTSTRAP TOPIC     prints: PARTITION OFFSET TIMESTAMP KEY VALUE [NAME=BYTES ...]
 *                                 exit code 4: there is no such topic
 *   wire write BOOTSTRAP TOPIC    reads:  PARTITION TIMESTAMP KEY VALUE [NAME=BYTES ...]
 *                                 (partition -1: by key, as Java does)
 *   wire produce BOOTSTRAP TOPIC  as write, and prints what became of each line, counted from 0:
 *                                 NUMBER acked|failed|unknown PARTITION OFFSET */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

enum { NO_TOPIC = -2 };

static int failures;
static int prints_outcomes;

static void print_outcome(const rd_kafka_message_t *message)
{
    const char *status = "unknown";
    if (!message->err)
        status = "acked";
    else if (rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED)
        status = "failed";
    printf("%zu %s %d %lld\n", (size_t)message->_private - 1, status, message->partition,
           message->err ? -1LL : (long long)message->offset);
}

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    (void)opaque;
    if (prints_outcomes)
        print_outcome(message);
    if (!message->err)
        return;
    fprintf(stderr, "%s\n", rd_kafka_err2str(message->err));
    failures++;
}

static rd_kafka_t *make_client(rd_kafka_type_t type, const char *bootstrap, const char *isolation)
{
    char reason[512];
    const char *const settings[][2] = {{"bootstrap.servers", bootstrap},
                                       {"message.max.bytes", "10000000"},
                                       {"partitioner", "murmur2_random"},
                                       {"linger.ms", "0"},
                                       {"enable.partition.eof", "true"},
                                       {"group.id", "wire"},
                                       {"fetch.wait.max.ms", "20"},
                                       {"auto.offset.reset", "earliest"},
                                       {"enable.idempotence", "true"},
                                       {"max.in.flight.requests.per.connection", "1"},
                                       {"log_level", "2"},
                                       {"topic.metadata.refresh.interval.ms", "1000"},
                                       {"isolation.level", isolation}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], reason, sizeof(reason))) {
            fprintf(stderr, "%s\n", reason);
            exit(2);
        }
    if (type == RD_KAFKA_PRODUCER)
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_t *client = rd_kafka_new(type, conf, reason, sizeof(reason));
    if (!client) {
        fprintf(stderr, "%s\n", reason);
        exit(3);
    }
    return client;
}

static void print_bytes(const void *data, size_t size)
{
    if (!data) {
        fputs("-", stdout);
        return;
    }
    putchar('x');
    for (size_t i = 0; i < size; i++)
        printf("%02x", ((const unsigned char *)data)[i]);
}

static void print_record(const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers = NULL;
    const char *name;
    const void *value;
    size_t size;
    printf("%d %lld %lld ", message->partition, (long long)message->offset,
           (long long)rd_kafka_message_timestamp(message, NULL));
    print_bytes(message->key, message->key_len);
    putchar(' ');
    print_bytes(message->payload, message->len);
    if (!rd_kafka_message_headers(message, &headers))
        for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++) {
            printf(" %s=", name);
            print_bytes(value, size);
        }
    putchar('\n');
}

static int partition_count(rd_kafka_t *client, const char *topic)
{
    const rd_kafka_metadata_t *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, handle, &metadata, 20000);
    int count = code ? -1 : metadata->topics[0].partition_cnt;
    if (!code && metadata->topics[0].err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        count = NO_TOPIC;
    if (!code)
        rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    return count;
}

/* Where each partition ends, transactions that are still open included: who reads only what is
 * committed comes there when they are over. A leader that has just been made may show an empty log
 * to a reader; it does not answer this question before it knows. NULL: not known. */
static int64_t *find_ends(rd_kafka_t *client, const char *topic, int partitions)
{
    enum { TRIES = 40, TIMEOUT_MS = 5000 };
    int64_t low, *ends = calloc((size_t)partitions + 1, sizeof(*ends));
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < partitions && !code; i++) {
        for (int tries = 0; tries < TRIES; tries++) {
            code = rd_kafka_query_watermark_offsets(client, topic, i, &low, &ends[i], TIMEOUT_MS);
            if (!code)
                break;
            (void)poll(NULL, 0, 200);
        }
    }
    if (!code)
        return ends;
    fprintf(stderr, "%s\n", rd_kafka_err2str(code));
    free(ends);
    return NULL;
}

/* Counts the partitions that are not read up to their ends. */
static int count_open(const int64_t *ends, const int64_t *reached, int partitions)
{
    int open = 0;
    for (int i = 0; i < partitions; i++)
        open += reached[i] < ends[i];
    return open;
}

static rd_kafka_resp_err_t read_up_to(rd_kafka_t *client, const int64_t *ends, int partitions)
{
    int64_t *reached = calloc((size_t)partitions + 1, sizeof(*reached));
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    while (!code && count_open(ends, reached, partitions)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 90000);
        if (!message) {
            code = RD_KAFKA_RESP_ERR__TIMED_OUT;
        } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            reached[message->partition] = message->offset;
        } else if (message->err) {
            fprintf(stderr, "%s\n", rd_kafka_message_errstr(message));
        } else {
            reached[message->partition] = message->offset + 1;
            print_record(message);
        }
        if (message)
            rd_kafka_message_destroy(message);
    }
    free(reached);
    return code;
}

static int read_topic(const char *bootstrap, const char *topic)
{
    rd_kafka_t *client = make_client(RD_KAFKA_CONSUMER, bootstrap, "read_committed");
    rd_kafka_t *asker = make_client(RD_KAFKA_CONSUMER, bootstrap, "read_uncommitted");
    int partitions = partition_count(client, topic);
    int64_t *ends = partitions > 0 ? find_ends(asker, topic, partitions) : NULL;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__FAIL;
    if (ends) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
        for (int i = 0; i < partitions; i++)
            rd_kafka_topic_partition_list_add(list, topic, i)->offset = 0;
        code = rd_kafka_assign(client, list);
        if (!code)
            code = read_up_to(client, ends, partitions);
        rd_kafka_topic_partition_list_destroy(list);
    }
    free(ends);
    rd_kafka_destroy(asker);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    if (partitions == NO_TOPIC)
        return 4;
    return code ? 3 : 0;
}

/* Turns "x6162" into "ab" in place; NULL for "-". Empty bytes are not null: they have an address.
 */
static char *parse_bytes(char *text, size_t *ret_size)
{
    *ret_size = 0;
    if (*text != 'x')
        return NULL;
    for (char *from = text + 1; from[0] && from[1]; from += 2) {
        char digits[3] = {from[0], from[1], 0};
        text[(*ret_size)++] = (char)strtoul(digits, NULL, 16);
    }
    return text;
}

static rd_kafka_headers_t *parse_headers(char **rest)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
    for (char *field; (field = strtok_r(NULL, " ", rest));) {
        size_t size;
        char *sign = strchr(field, '=');
        if (!sign)
            continue;
        char *value = parse_bytes(sign + 1, &size);
        rd_kafka_header_add(headers, field, sign - field, value, (ssize_t)size);
    }
    return headers;
}

static void write_record(rd_kafka_t *client, const char *topic, char *line, size_t number)
{
    char *rest = NULL;
    size_t key_size, size;
    int partition = atoi(strtok_r(line, " ", &rest));
    long long timestamp = atoll(strtok_r(NULL, " ", &rest));
    char *key = parse_bytes(strtok_r(NULL, " ", &rest), &key_size);
    char *value = parse_bytes(strtok_r(NULL, " ", &rest), &size);
    rd_kafka_headers_t *headers = parse_headers(&rest);
    rd_kafka_resp_err_t code =
        rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK),
                          RD_KAFKA_V_KEY(key, key_size), RD_KAFKA_V_VALUE(value, size),
                          RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_HEADERS(headers),
                          RD_KAFKA_V_OPAQUE((void *)(number + 1)), RD_KAFKA_V_END);
    if (!code)
        return;
    fprintf(stderr, "%s\n", rd_kafka_err2str(code));
    rd_kafka_headers_destroy(headers);
    failures++;
}

static int write_topic(const char *bootstrap, const char *topic)
{
    rd_kafka_t *client = make_client(RD_KAFKA_PRODUCER, bootstrap, "read_committed");
    char *line = NULL;
    size_t room = 0, number = 0;
    ssize_t size;
    while ((size = getline(&line, &room, stdin)) > 0) {
        line[strcspn(line, "\n")] = 0;
        write_record(client, topic, line, number++);
        rd_kafka_poll(client, 0);
    }
    free(line);
    if (rd_kafka_flush(client, 60000))
        failures++;
    rd_kafka_destroy(client);
    return failures ? 3 : 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "read") == 0)
        return read_topic(argv[2], argv[3]);
    prints_outcomes = argc == 4 && strcmp(argv[1], "produce") == 0;
    if (prints_outcomes || (argc == 4 && strcmp(argv[1], "write") == 0))
        return write_topic(argv[2], argv[3]);
    return 2;
}
