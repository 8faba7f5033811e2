/* Makes librdkafka clients from the settings. */
#include "kafka/client.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "kafka/embedded.h"
#include "kafka/gates.h"

#define SAY_AGAIN_MS 5000
#define WAIT_SLICE_MS 200
#define ERROR_TEXT_BYTES 512
#define MAX_SUBJECTS 256
#define STATISTICS_MS "10000"

/* What was said lately. librdkafka logs from its own threads and repeats itself several times a
 * second, so this belongs to the log sink and is shared by all clients. */
static pthread_mutex_t said_lock = PTHREAD_MUTEX_INITIALIZER;
static GHashTable *said;   /* text or host -> monotonic ms of the last line (gint64 *) */
static char *trouble_last; /* "Kafka at HOST is not reachable: why" */
static gint64 trouble_last_ms;

/* TRUE when a line about `subject` is due. With the lock held. */
static gboolean is_due(const char *subject, gint64 now)
{
    if (!said)
        said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    gint64 *before = g_hash_table_lookup(said, subject);
    if (before && now - *before < SAY_AGAIN_MS)
        return FALSE;
    if (g_hash_table_size(said) >= MAX_SUBJECTS)
        g_hash_table_remove_all(said);
    g_hash_table_replace(said, g_strdup(subject), g_memdup2(&now, sizeof now));
    return TRUE;
}

static gboolean say(const char *subject)
{
    (void)pthread_mutex_lock(&said_lock);
    gboolean due = is_due(subject, bb_clock_monotonic_ms());
    (void)pthread_mutex_unlock(&said_lock);
    return due;
}

/* As `say`; remembers `text` as the last trouble. */
static gboolean say_trouble(const char *host, const char *text)
{
    gint64 now = bb_clock_monotonic_ms();
    (void)pthread_mutex_lock(&said_lock);
    g_free(trouble_last);
    trouble_last = g_strdup(text);
    trouble_last_ms = now;
    gboolean due = is_due(host, now);
    (void)pthread_mutex_unlock(&said_lock);
    return due;
}

/* The last trouble since `since_ms`, or NULL. */
static char *last_trouble(gint64 since_ms)
{
    (void)pthread_mutex_lock(&said_lock);
    char *text = trouble_last && trouble_last_ms >= since_ms ? g_strdup(trouble_last) : NULL;
    (void)pthread_mutex_unlock(&said_lock);
    return text;
}

/* "[thrd:NAME]: HOST:PORT/ID: why (after 0ms in state CONNECT...)" -> the line for people;
 * *ret_host is the broker it is about. */
static char *trouble_text(const char *text, char **ret_host)
{
    const char *start = strstr(text, "]: ");
    start = g_str_has_prefix(text, "[thrd:") && start ? start + 3 : text;
    const char *colon = strstr(start, ": ");
    const char *why = colon ? colon + 2 : start;
    const char *slash = colon ? memchr(start, '/', (size_t)(colon - start)) : NULL;
    const char *host_end = slash ? slash : colon ? colon : start;
    /* with TLS or SASL the name reads "sasl_ssl://host:port/id" */
    if (slash && g_str_has_prefix(slash, "//")) {
        start = slash + 2;
        slash = memchr(start, '/', (size_t)(colon - start));
        host_end = slash ? slash : colon;
    }
    const char *after = strstr(why, " (after ");
    int why_size = after ? (int)(after - why) : (int)strlen(why);
    g_autofree char *host = g_strndup(start, (gsize)(host_end - start));
    char *line =
        g_strdup_printf("Kafka at %s is not reachable: %.*s", *host ? host : "?", why_size, why);
    *ret_host = g_steal_pointer(&host);
    return line;
}

static void log_trouble(const char *text)
{
    g_autofree char *host = NULL;
    g_autofree char *line = trouble_text(text, &host);
    if (say_trouble(host, line))
        bb_log_warning("%s", line);
}

/* [any thread of librdkafka] */
static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    if (strcmp(facility, "FAIL") == 0 && level <= 4)
        log_trouble(text);
    else if (strcmp(facility, "CONFWARN") == 0 || level >= 6)
        bb_log_debug("librdkafka %s: %s: %s", client ? rd_kafka_name(client) : "", facility, text);
    else if (say(text))
        bb_log(level <= 3 ? 3 : 4, "librdkafka: %s: %s", facility, text);
}

/* [the thread that polls the client] */
static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    (void)opaque;
    (void)client;
    switch (code) {
    case RD_KAFKA_RESP_ERR__FATAL: /* on_log has said these, with the broker's name */
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
        bb_log_debug("Kafka: %s", reason);
        break;
    default:
        if (say_trouble(rd_kafka_err2name((rd_kafka_resp_err_t)code), reason))
            bb_log_warning("Kafka: %s (%s)", reason, rd_kafka_err2name((rd_kafka_resp_err_t)code));
    }
}

static char *bootstrap_of(const rd_kafka_t *client)
{
    const rd_kafka_conf_t *conf = rd_kafka_conf((rd_kafka_t *)client);
    size_t size = 0;
    if (rd_kafka_conf_get(conf, "bootstrap.servers", NULL, &size) != RD_KAFKA_CONF_OK)
        return g_strdup("");
    char *list = g_malloc0(size);
    (void)rd_kafka_conf_get(conf, "bootstrap.servers", list, &size);
    return list;
}

gboolean bb_kafka_is_cut_off(const char *statistics)
{
    return !strstr(statistics, "\"source\":\"learned\", \"state\":\"UP\"") &&
           !strstr(statistics, "\"source\":\"configured\", \"state\":\"UP\"");
}

/* Of the gate no-brokers: a client that is connected to nobody gets the brokers of
 * bootstrap.servers again; those that it has already do not come twice. [the thread that polls the
 * client] */
static int on_statistics(rd_kafka_t *client, char *json, size_t size, void *opaque)
{
    (void)size;
    (void)opaque;
    if (!bb_kafka_is_cut_off(json))
        return 0;
    g_autofree char *list = bootstrap_of(client);
    bb_log_debug("no connection to Kafka: beginning again with %s", list);
    (void)rd_kafka_brokers_add(client, list);
    return 0; /* the library frees the text */
}

static gboolean set(rd_kafka_conf_t *conf, const char *name, const char *value, gboolean secret,
                    GError **error)
{
    char reason[ERROR_TEXT_BYTES] = "";
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, reason, sizeof reason);
    if (result == RD_KAFKA_CONF_OK)
        return TRUE;
    if (result == RD_KAFKA_CONF_UNKNOWN)
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                    "kafka: the property %s is unknown to the installed librdkafka %s", name,
                    rd_kafka_version_str());
    else if (secret) /* the library's text repeats the value */
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE, "kafka: the value of %s is not accepted",
                    name);
    else
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE, "kafka: %s", reason);
    return FALSE;
}

static gboolean set_bootstrap(rd_kafka_conf_t *conf, const bb_settings *settings, GError **error)
{
    const char *bootstrap = settings->bootstrap;
    if (g_strcmp0(bootstrap, "embedded") == 0) {
        bootstrap = bb_embedded_start(error);
        if (!bootstrap)
            return FALSE;
    }
    return set(conf, "bootstrap.servers", bootstrap ? bootstrap : "localhost:9092", FALSE, error);
}

static gboolean set_properties(rd_kafka_conf_t *conf, const bb_settings *settings, GError **error)
{
    for (guint i = 0; settings->kafka && i < settings->kafka->len; i++) {
        const bb_kafka_property *property = g_ptr_array_index(settings->kafka, i);
        if (strcmp(property->name, "bootstrap.servers") == 0)
            continue;
        if (!set(conf, property->name, property->value, property->secret, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean set_extra(rd_kafka_conf_t *conf, const char *const *extra, GError **error)
{
    for (; extra && extra[0]; extra += 2) {
        if (!set(conf, extra[0], extra[1], FALSE, error))
            return FALSE;
    }
    return TRUE;
}

/* Settings without which a version of the library cannot be used; the user's come later and win. */
static gboolean set_for_version(rd_kafka_conf_t *conf, GError **error)
{
    if (bb_gate_active(BB_GATE_PUSH_METRICS) &&
        !set(conf, "enable.metrics.push", "false", FALSE, error))
        return FALSE;
    if (!bb_gate_active(BB_GATE_NO_BROKERS))
        return TRUE;
    rd_kafka_conf_set_stats_cb(conf, on_statistics);
    return set(conf, "statistics.interval.ms", STATISTICS_MS, FALSE, error);
}

rd_kafka_conf_t *bb_kafka_conf_new(const bb_settings *settings, const char *const *extra,
                                   GError **error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    if (set(conf, "client.id", "busbar", FALSE, error) && set_for_version(conf, error) &&
        set_bootstrap(conf, settings, error) && set_properties(conf, settings, error) &&
        set_extra(conf, extra, error))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

/* Two names for one property: librdkafka keeps the older ones as aliases. */
static gboolean same_property(const char *a, const char *b)
{
    static const char *const aliases[][2] = {
        {"linger.ms", "queue.buffering.max.ms"},
        {"compression.type", "compression.codec"},
        {"acks", "request.required.acks"},
        {"message.timeout.ms", "delivery.timeout.ms"},
        {"message.send.max.retries", "retries"},
        {"max.in.flight", "max.in.flight.requests.per.connection"},
    };
    if (strcmp(a, b) == 0)
        return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(aliases); i++) {
        if ((strcmp(a, aliases[i][0]) == 0 && strcmp(b, aliases[i][1]) == 0) ||
            (strcmp(a, aliases[i][1]) == 0 && strcmp(b, aliases[i][0]) == 0))
            return TRUE;
    }
    return FALSE;
}

gboolean bb_kafka_conf_default(rd_kafka_conf_t *conf, const bb_settings *settings, const char *name,
                               const char *value, GError **error)
{
    for (guint i = 0; settings->kafka && i < settings->kafka->len; i++) {
        const bb_kafka_property *property = g_ptr_array_index(settings->kafka, i);
        if (same_property(property->name, name))
            return TRUE;
    }
    return set(conf, name, value, FALSE, error);
}

rd_kafka_t *bb_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, GError **error)
{
    char reason[ERROR_TEXT_BYTES];
    rd_kafka_t *client = rd_kafka_new(type, conf, reason, sizeof reason);
    if (!client) {
        rd_kafka_conf_destroy(conf); /* on failure it stays with the caller */
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE, "kafka: %s", reason);
    }
    return client;
}

static void fail_wait(const rd_kafka_t *client, gint64 waited_ms, const char *cause,
                      gboolean stopped, GError **error)
{
    g_autofree char *list = bootstrap_of(client);
    g_set_error(error, BB_ERROR, BB_ERROR_KAFKA, "no answer from Kafka (%s) %s %.1f s: %s", list,
                stopped ? "when stopped after" : "within", (double)waited_ms / 1000, cause);
}

gboolean bb_kafka_wait(rd_kafka_t *client, gint64 timeout_ms, const gint *stop, GError **error)
{
    gint64 start = bb_clock_monotonic_ms(), told = start;
    for (;;) {
        const struct rd_kafka_metadata *metadata = NULL;
        gint64 waited = bb_clock_monotonic_ms() - start;
        gint64 slice = timeout_ms < 0 ? WAIT_SLICE_MS : MIN(WAIT_SLICE_MS, timeout_ms - waited);
        rd_kafka_resp_err_t code =
            rd_kafka_metadata(client, 0, NULL, &metadata, (int)MAX(slice, 1));
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_metadata_destroy(metadata);
            return TRUE;
        }
        gint64 now = bb_clock_monotonic_ms();
        g_autofree char *trouble = last_trouble(start);
        const char *cause = trouble ? trouble : rd_kafka_err2str(code);
        gboolean stopped = stop && g_atomic_int_get(stop);
        if (stopped || (timeout_ms >= 0 && now - start >= timeout_ms)) {
            fail_wait(client, now - start, cause, stopped, error);
            return FALSE;
        }
        if (now - told >= SAY_AGAIN_MS) {
            bb_log_info("still waiting for Kafka after %" G_GINT64_FORMAT " s",
                        (now - start) / 1000);
            told = now;
        }
    }
}
