/* The `kafka` handler: events to another topic of the same cluster, through the host's own
 * producer.
 *
 * The host lets offsets advance only after the broker has confirmed what was emitted, so there is
 * nothing to flush here. */
#include <stdlib.h>

#include <busbar/plugin.h>
#include <jansson.h>

typedef struct forward {
    char *prefix; /* of the topic, up to "{topic}" */
    char *suffix; /* behind it; NULL: the topic has no placeholder */
    int original; /* the record's own bytes instead of the event as it stands */
} forward;

static const char config_schema[] =
    "{\"type\":\"object\",\"required\":[\"topic\"],\"additionalProperties\":false,\"properties\":{"
    "\"topic\":{\"type\":\"string\",\"pattern\":\"^([a-zA-Z0-9._-]|\\\\{topic\\\\})+$\","
    "\"description\":\"target topic; "
    "{topic} stands for the record's own\"},"
    "\"value\":{\"enum\":[\"event\",\"original\"],\"description\":\"the event as it stands, or the "
    "record's own bytes\"}}}";

static void kafka_close(void *instance)
{
    forward *self = instance;
    if (!self)
        return;
    free(self->prefix);
    free(self->suffix);
    free(self);
}

static int32_t read_config(forward *self, busbar_call *call, const json_t *config)
{
    const char *topic = json_string_value(json_object_get(config, "topic"));
    const char *value = json_string_value(json_object_get(config, "value"));
    if (!topic)
        return busbar_fail(call, BUSBAR_FATAL, "`topic` is missing: name the topic to write to");
    const char *place = strstr(topic, "{topic}");
    self->prefix = place ? strndup(topic, (size_t)(place - topic)) : strdup(topic);
    self->suffix = place ? strdup(place + strlen("{topic}")) : NULL;
    self->original = value && strcmp(value, "original") == 0;
    if (!self->prefix || (place && !self->suffix))
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    if (place && !*self->prefix && !*self->suffix)
        return busbar_fail(call, BUSBAR_FATAL,
                           "`topic` \"{topic}\" would send every event back to where it came from");
    return BUSBAR_PASS;
}

static int32_t kafka_open(busbar_call *call, busbar_bytes config, void **ret_self)
{
    json_error_t error;
    json_t *tree = json_loadb(config.data, config.size, 0, &error);
    if (!tree)
        return busbar_fail(call, BUSBAR_FATAL, "its configuration is not JSON: %s", error.text);
    forward *self = calloc(1, sizeof(*self));
    int32_t verdict =
        self ? read_config(self, call, tree) : busbar_fail(call, BUSBAR_FATAL, "out of memory");
    json_decref(tree);
    if (verdict == BUSBAR_PASS)
        *ret_self = self;
    else
        kafka_close(self);
    return verdict;
}

/* Name of the target topic; a topic name of Kafka has at most 249 characters. */
static busbar_bytes target_topic(const forward *self, busbar_call *call,
                                 const busbar_origin *origin)
{
    const size_t room = 512;
    busbar_bytes topic = busbar_text(self->prefix);
    if (!self->suffix)
        return topic;
    char *name = call->host->alloc(call, room);
    int size = snprintf(name, room, "%s%.*s%s", self->prefix, (int)origin->topic.size,
                        origin->topic.data, self->suffix);
    topic.data = name;
    topic.size = size < 0 ? 0 : (size_t)size < room ? (size_t)size : room - 1;
    return topic;
}

static int32_t handle_one(void *instance, busbar_call *call, busbar_event *event, uint32_t index)
{
    const forward *self = instance;
    const busbar_origin *origin = call->host->origin(event);
    busbar_record record = {
        .struct_size = sizeof(record),
        .partition = -1,
        .topic = target_topic(self, call, origin),
        .key = origin->key,
        .value = self->original ? origin->value : call->host->json(call, event),
        .header_count = origin->header_count,
        .headers = origin->headers,
    };
    if (record.topic.size == origin->topic.size &&
        memcmp(record.topic.data, origin->topic.data, record.topic.size) == 0)
        return busbar_fail_event(call, index, BUSBAR_REJECT,
                                 "the target topic is the topic it came from");
    return call->host->emit(call, &record);
}

static int32_t kafka_handle(void *self, busbar_call *call, const busbar_batch *batch,
                            int32_t *verdicts)
{
    return busbar_each(self, call, batch, verdicts, handle_one);
}

static const busbar_handler_ops kafka_ops = {
    .struct_size = sizeof(busbar_handler_ops),
    .open = kafka_open,
    .handle = kafka_handle,
    .close = kafka_close,
};

static const busbar_handler kafka_handler = {
    .struct_size = sizeof(busbar_handler),
    .capabilities = BUSBAR_EMITS_ONLY,
    .name = "kafka",
    .summary = "Another topic of the same cluster",
    .config_schema = {config_schema, sizeof(config_schema) - 1},
    .ops = &kafka_ops,
};

static const busbar_handler *const handlers[] = {&kafka_handler};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, .name = "handler_kafka",
    .version = "0.1.0",     .summary = "Sends events to another topic",
    .handler_count = 1,     .handlers = handlers,
};
