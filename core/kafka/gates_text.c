/* The table of the versions of librdkafka for people. */
#include "kafka/gates.h"

#include <librdkafka/rdkafka.h>

#include "base/log.h"

static void append_version(GString *text, int version)
{
    g_string_append_printf(text, "%d.%d.%d", version >> 24 & 0xff, version >> 16 & 0xff,
                           version >> 8 & 0xff);
}

char *bb_gate_range(bb_gate_id id)
{
    const bb_gate *gate = bb_gate_get(id);
    GString *text = g_string_new(NULL);
    if (gate->from) {
        append_version(text, gate->from);
        g_string_append(text, gate->until ? " to " : " and later");
    }
    if (gate->until) {
        g_string_append(text, "before ");
        append_version(text, gate->until);
    }
    if (!gate->from && !gate->until)
        g_string_append(text, "all");
    return g_string_free(text, FALSE);
}

char *bb_gates_markdown(void)
{
    GString *text =
        g_string_new("| Gate | Affected | What librdkafka does | What busbar does | Source |\n"
                     "|---|---|---|---|---|\n");
    for (guint i = 0; i < BB_GATE_COUNT; i++) {
        const bb_gate *gate = bb_gate_get((bb_gate_id)i);
        g_autofree char *range = bb_gate_range((bb_gate_id)i);
        g_string_append_printf(text, "| `%s` | %s | %s | %s | %s |\n", gate->name, range,
                               gate->reason, gate->action, gate->source);
    }
    return g_string_free(text, FALSE);
}

void bb_gates_warn(void)
{
    for (guint i = 0; i < BB_GATE_COUNT; i++) {
        const bb_gate *gate = bb_gate_get((bb_gate_id)i);
        if (gate->warns && bb_gate_active((bb_gate_id)i))
            bb_log_warning("librdkafka %s: %s (%s); %s", rd_kafka_version_str(), gate->reason,
                           gate->source, gate->action);
    }
}
