/* Settings of an event type: defaults, copies and their end. */
#include "config/event_settings.h"

#include <string.h>

#include "base/text.h"

bb_event_settings *bb_event_settings_new(const char *name)
{
    bb_event_settings *event = g_new0(bb_event_settings, 1);
    event->name = g_strdup(name);
    event->enabled = TRUE;
    event->key_form = BB_KEY_CONTRACT;
    event->metadata = BB_META_CONTRACT;
    event->order = BB_ORDER_KEY;
    event->transaction_ms = 1000;
    event->transaction_records = 100000;
    event->concurrency = 1;
    event->batch_records = 500;
    event->in_flight_bytes = 32u * 1024 * 1024;
    event->in_flight_records = 10000;
    event->flush_interval_ms = 500;
    event->commit_interval_ms = 1000;
    event->enrich = TRUE;
    event->offset_reset = g_strdup("earliest");
    event->on_out_of_range = g_strdup("stop");
    event->dedup_records = 100000;
    event->dedup_bytes = 16u * 1024 * 1024;
    event->dead_letter_create = TRUE;
    event->retry_attempts = 5;
    event->retry_initial_ms = 100;
    event->retry_max_ms = 30000;
    event->on_fault = BB_ON_STOP;
    event->retry_delays_ms = g_array_new(FALSE, FALSE, sizeof(gint64));
    event->retry_names = g_ptr_array_new_with_free_func(g_free);
    event->retry_create = TRUE;
    event->retry_order_keys = 100000;
    event->handlers = g_ptr_array_new_with_free_func(g_free);
    return event;
}

static GPtrArray *copy_names(const GPtrArray *from)
{
    GPtrArray *copy = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < from->len; i++)
        g_ptr_array_add(copy, g_strdup(g_ptr_array_index(from, i)));
    return copy;
}

bb_event_settings *bb_event_settings_copy(const bb_event_settings *from, const char *name)
{
    bb_event_settings *copy = g_new0(bb_event_settings, 1);
    *copy = *from;
    copy->name = g_strdup(name);
    copy->topic = g_strdup(from->topic);
    copy->schema = g_strdup(from->schema);
    copy->plugin_config = from->plugin_config ? json_deep_copy(from->plugin_config) : NULL;
    copy->key_template = g_strdup(from->key_template);
    copy->producer = g_strdup(from->producer);
    copy->group = g_strdup(from->group);
    copy->instance_id = g_strdup(from->instance_id);
    copy->transaction_instance = g_strdup(from->transaction_instance);
    copy->offset_reset = g_strdup(from->offset_reset);
    copy->dedup_key = g_strdup(from->dedup_key);
    copy->on_out_of_range = g_strdup(from->on_out_of_range);
    copy->dead_letter_topic = g_strdup(from->dead_letter_topic);
    copy->handlers = copy_names(from->handlers);
    copy->retry_names = copy_names(from->retry_names);
    copy->retry_delays_ms = g_array_new(FALSE, FALSE, sizeof(gint64));
    if (from->retry_delays_ms->len)
        g_array_append_vals(copy->retry_delays_ms, from->retry_delays_ms->data,
                            from->retry_delays_ms->len);
    return copy;
}

void bb_event_settings_free(gpointer settings)
{
    bb_event_settings *event = settings;
    if (!event)
        return;
    g_free(event->name);
    g_free(event->topic);
    g_free(event->schema);
    json_decref(event->plugin_config);
    g_free(event->key_template);
    g_free(event->producer);
    g_free(event->group);
    g_free(event->instance_id);
    g_free(event->transaction_instance);
    g_free(event->offset_reset);
    g_free(event->on_out_of_range);
    g_free(event->dedup_key);
    g_free(event->dead_letter_topic);
    g_ptr_array_unref(event->handlers);
    g_ptr_array_unref(event->retry_names);
    g_array_unref(event->retry_delays_ms);
    g_free(event);
}

/* publish: and consume: of one layer. */
static void read_publish(bb_event_settings *event, const bb_node *publish)
{
    static const char *const keys[] = {"contract", "raw", "json", NULL};
    static const char *const places[] = {"contract", "headers", "body", "none", NULL};
    int key = (int)event->key_form, metadata = (int)event->metadata;
    bb_read_choice(publish, "key", keys, &key);
    bb_read_choice(publish, "metadata", places, &metadata);
    event->key_form = (bb_key_form)key;
    event->metadata = (bb_metadata_place)metadata;
    bb_read_text(publish, "key_template", &event->key_template);
    bb_read_text(publish, "producer", &event->producer);
}

static void read_names(const bb_node *list, GPtrArray *names)
{
    if (!list || list->kind != BB_NODE_LIST)
        return;
    g_ptr_array_set_size(names, 0);
    for (guint i = 0; i < list->children->len; i++) {
        const bb_node *item = g_ptr_array_index(list->children, i);
        if (item->kind == BB_NODE_SCALAR)
            g_ptr_array_add(names, g_strdup(item->text));
    }
}

static void read_delays(bb_event_settings *event, const bb_node *list, GPtrArray *problems)
{
    if (!list || list->kind != BB_NODE_LIST)
        return;
    g_array_set_size(event->retry_delays_ms, 0);
    for (guint i = 0; i < list->children->len; i++) {
        const bb_node *item = g_ptr_array_index(list->children, i);
        gint64 delay_ms = 0;
        if (item->kind == BB_NODE_SCALAR && bb_text_parse_duration_ms(item->text, &delay_ms) &&
            delay_ms > 0)
            g_array_append_val(event->retry_delays_ms, delay_ms);
        else
            bb_problem_add(problems, &item->place, NULL,
                           "`delays` has `%s`; expected a duration above 0 such as 10s, 1m or 10m",
                           bb_node_shown(item));
    }
}

/* Retry topics: what is asked for in this layer. Whether it fits together is looked at once all
 * layers are there (core/plugin/retry_tiers.c). */
static void read_retry_topics(bb_event_settings *event, const bb_node *retry, GPtrArray *problems)
{
    static const char *const modes[] = {"memory", "topics", NULL};
    int mode = event->retry_topics ? 1 : 0;
    bb_read_choice(retry, "mode", modes, &mode);
    event->retry_topics = mode == 1;
    read_delays(event, bb_node_get(retry, "delays"), problems);
    read_names(bb_node_get(retry, "topics"), event->retry_names);
    bb_read_flag(retry, "create", &event->retry_create);
    bb_read_flag(retry, "keep_order", &event->retry_keep_order);
    bb_read_count(retry, "order_keys", &event->retry_order_keys);
    if (event->retry_topics && bb_node_get(retry, "attempts"))
        bb_problem_add(problems, &retry->place, NULL,
                       "`retry` has mode topics and attempts; with topics the number of `delays` "
                       "says how often a record is tried again; leave attempts out");
}

static void read_retry(bb_event_settings *event, const bb_node *retry, GPtrArray *problems)
{
    read_retry_topics(event, retry, problems);
    bb_read_count(retry, "attempts", &event->retry_attempts);
    bb_read_duration(retry, "initial", &event->retry_initial_ms, problems);
    bb_read_duration(retry, "max", &event->retry_max_ms, problems);
    if (retry && event->retry_max_ms < event->retry_initial_ms)
        bb_problem_add(problems, &retry->place, NULL,
                       "`retry` has max %" G_GINT64_FORMAT " ms below initial %" G_GINT64_FORMAT
                       " ms; max is the longest wait",
                       event->retry_max_ms, event->retry_initial_ms);
}

/* The schema says which of them each may be. */
static void read_choices(bb_event_settings *event, const bb_node *consume)
{
    static const char *const choices[] = {"dead_letter", "drop", "stop", "pause", NULL};
    int reject = (int)event->on_reject, exhausted = (int)event->on_exhausted;
    int fault = (int)event->on_fault;
    bb_read_choice(consume, "on_reject", choices, &reject);
    bb_read_choice(consume, "on_exhausted", choices, &exhausted);
    bb_read_choice(consume, "on_fault", choices, &fault);
    event->on_reject = (bb_on_failure)reject;
    event->on_exhausted = (bb_on_failure)exhausted;
    event->on_fault = (bb_on_failure)fault;
}

/* A window is a number of records or a duration. */
static void read_dedup(bb_event_settings *event, const bb_node *dedup, GPtrArray *problems)
{
    const bb_node *window = bb_node_get(dedup, "window");
    bb_read_text(dedup, "key", &event->dedup_key);
    bb_read_size(dedup, "max_bytes", &event->dedup_bytes, problems);
    if (window && window->kind == BB_NODE_SCALAR && window->type == BB_SCALAR_INTEGER) {
        event->dedup_window_ms = 0;
        bb_read_count(dedup, "window", &event->dedup_records);
    } else if (window) {
        event->dedup_records = 0;
        bb_read_duration(dedup, "window", &event->dedup_window_ms, problems);
    }
    if (dedup && !event->dedup_key)
        bb_problem_add(problems, &dedup->place, NULL,
                       "`dedup` has no `key`; expected the JSON pointer of the member that tells "
                       "events apart, as /event_id");
}

/* Who is a member of the group, and how its members share the partitions. */
static void read_membership(bb_event_settings *event, const bb_node *consume)
{
    static const char *const kinds[] = {"auto", "eager", "cooperative", "consumer", NULL};
    int kind = (int)event->assignment;
    bb_read_text(consume, "group", &event->group);
    bb_read_choice(consume, "assignment", kinds, &kind);
    event->assignment = (bb_assignment)kind;
    bb_read_text(consume, "instance_id", &event->instance_id);
}

static void read_delivery(bb_event_settings *event, const bb_node *consume, GPtrArray *problems)
{
    static const char *const modes[] = {"at_least_once", "exactly_once", "at_most_once", NULL};
    int delivery = (int)event->delivery;
    const bb_node *transaction = bb_node_get(consume, "transaction");
    bb_read_choice(consume, "delivery", modes, &delivery);
    event->delivery = (bb_guarantee)delivery;
    bb_read_duration(transaction, "interval", &event->transaction_ms, problems);
    bb_read_count(transaction, "records", &event->transaction_records);
    bb_read_text(transaction, "instance", &event->transaction_instance);
}

static void read_consume(bb_event_settings *event, const bb_node *consume, GPtrArray *problems)
{
    static const char *const orders[] = {"key", "partition", "none", NULL};
    int order = (int)event->order;
    const bb_node *dead_letter = bb_node_get(consume, "dead_letter");
    read_membership(event, consume);
    bb_read_choice(consume, "order", orders, &order);
    event->order = (bb_order)order;
    read_delivery(event, consume, problems);
    bb_read_count(consume, "concurrency", &event->concurrency);
    bb_read_count(consume, "batch_records", &event->batch_records);
    bb_read_size(consume, "in_flight_bytes", &event->in_flight_bytes, problems);
    bb_read_count(consume, "in_flight_records", &event->in_flight_records);
    bb_read_duration(consume, "flush_interval", &event->flush_interval_ms, problems);
    bb_read_duration(consume, "commit_interval", &event->commit_interval_ms, problems);
    bb_read_flag(consume, "enrich", &event->enrich);
    bb_read_text(consume, "offset_reset", &event->offset_reset);
    read_dedup(event, bb_node_get(consume, "dedup"), problems);
    bb_read_text(consume, "on_out_of_range", &event->on_out_of_range);
    bb_read_text(dead_letter, "topic", &event->dead_letter_topic);
    bb_read_flag(dead_letter, "create", &event->dead_letter_create);
    read_retry(event, bb_node_get(consume, "retry"), problems);
    read_choices(event, consume);
}

void bb_event_settings_read(bb_event_settings *event, const bb_node *layer, GPtrArray *problems)
{
    read_publish(event, bb_node_get(layer, "publish"));
    read_consume(event, bb_node_get(layer, "consume"), problems);
    read_names(bb_node_get(layer, "handlers"), event->handlers);
}
