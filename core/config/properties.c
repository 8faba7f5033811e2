/* Which librdkafka properties a configuration may hold. */
#include "config/properties.h"

#include <string.h>

#include "base/text.h"
#include "config/property_names.h"

static const char runs_code[] = "it makes the client load or run a program of the machine";
static const char by_program[] = "it takes an address inside a program, which a file cannot give";
static const char own_offsets[] =
    "busbar itself stores and commits an offset, once everything before it is finished";
static const char own_delivery[] =
    "publishing is always idempotent with acks=all, so that no event is lost or doubled";

static const struct {
    const char *name;
    const char *reason;
    const char *instead; /* NULL: leave it out */
} refusals[] = {
    {"plugin.library.paths", runs_code, NULL},
    {"sasl.kerberos.kinit.cmd", runs_code,
     "set sasl.kerberos.keytab and keep the ticket fresh with a timer of the system"},
    {"ssl.engine.location", runs_code, NULL},
    {"ssl.engine.id", runs_code, NULL},
    {"ssl.providers", runs_code, "enable providers in the system's openssl.cnf"},
    {"group.id", "every event type has a group of its own",
     "use domains.<domain>.events.<event>.consume.group"},
    {"group.protocol", "it belongs to an event type", "use consume.assignment: consumer"},
    {"group.instance.id", "two members of a group cannot share one", "use consume.instance_id"},
    {"enable.auto.commit", own_offsets, NULL},
    {"auto.commit.enable", own_offsets, NULL},
    {"auto.commit.interval.ms", own_offsets, "use consume.commit_interval"},
    {"enable.auto.offset.store", own_offsets, NULL},
    {"offset.store.method", own_offsets, NULL},
    {"offset.store.path", own_offsets, NULL},
    {"offset.store.sync.interval.ms", own_offsets, NULL},
    {"auto.offset.reset", "it belongs to an event type", "use consume.offset_reset"},
    {"enable.partition.eof", "busbar finds the ends of partitions by itself", NULL},
    {"enable.idempotence", own_delivery, NULL},
    {"acks", own_delivery, NULL},
    {"request.required.acks", own_delivery, NULL},
    {"enable.gapless.guarantee", own_delivery, NULL},
    {"delivery.report.only.error", "every event gets its outcome, the good ones too", NULL},
    {"transactional.id", "busbar names its transactions itself", NULL},
    {"partitioner",
     "records of one key must meet on one partition, whoever wrote them; busbar uses "
     "murmur2_random, as the Java client does",
     NULL},
    {"metadata.broker.list", "it is an older name", "use bootstrap.servers"},
    {"builtin.features", "it only describes the library", NULL},
    {"enabled_events", "busbar chooses what it listens to", NULL},
    {"log_level", "busbar has a log of its own", "use log.level"},
    {"log.queue", "busbar has a log of its own", NULL},
    {"internal.termination.signal", "signals are busbar's", NULL},
    {"opaque", by_program, NULL},
    {"default_topic_conf", by_program, NULL},
    {"interceptors", by_program, NULL},
    {"msg_order_cmp", by_program, NULL},
    {"ssl_key", by_program, "use ssl.key.location or ssl.key.pem"},
    {"ssl_certificate", by_program, "use ssl.certificate.location or ssl.certificate.pem"},
    {"ssl_ca", by_program, "use ssl.ca.location or ssl.ca.pem"},
    {"ssl_engine_callback_data", by_program, NULL},
    {"test.mock.num.brokers", "the embedded broker is asked for by name",
     "use bootstrap.servers: embedded"},
};

char *bb_property_refusal(const char *name)
{
    if (g_str_has_suffix(name, "_cb"))
        return g_strdup_printf("`%s` cannot be set: %s; leave it out", name, by_program);
    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++) {
        if (strcmp(refusals[i].name, name) == 0)
            return g_strdup_printf("`%s` cannot be set: %s; %s", name, refusals[i].reason,
                                   refusals[i].instead ? refusals[i].instead : "leave it out");
    }
    if (g_strv_contains(property_names, name))
        return NULL;
    const char *nearest = bb_text_nearest(name, property_names);
    if (nearest)
        return g_strdup_printf("unknown librdkafka property `%s`; did you mean `%s`?", name,
                               nearest);
    return g_strdup_printf("unknown librdkafka property `%s`", name);
}

gboolean bb_property_secret(const char *name)
{
    static const char *const words[] = {"password",   "passwd",      "passphrase",  "secret",
                                        "token",      "private.key", "ssl.key.pem", "private_key",
                                        "credential", "api_key",     "apikey"};
    g_autofree char *lower = g_ascii_strdown(name, -1);
    /* Where a secret is fetched from is none. */
    if (g_str_has_suffix(lower, ".url") || g_str_has_suffix(lower, ".location") ||
        g_str_has_suffix(lower, ".file"))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strstr(lower, words[i]))
            return TRUE;
    }
    return strcmp(lower, "sasl.oauthbearer.config") == 0 || strcmp(lower, "sasl.jaas.config") == 0;
}
