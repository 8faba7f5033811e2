/* The `http` handler: events in the body of POST requests, and verdicts from the answers.
 *
 * A request that was answered with success is durable. A refusal of several events is taken apart
 * until the offending ones are found; a server that is away, busy or in trouble makes all events
 * wait, and for as long as it asks for. */
#include <stdlib.h>

#include <busbar/source.h>

#include "../handler_common/certificates.h"
#include "../handler_common/verdict.h"
#include "body.h"
#include "request.h"

enum { REASON_MAX = 800, SHOWN_MAX = 200 };

typedef struct http_handler {
    http_settings settings;
    http_client *client;
    busbar_bytes event_name;
    http_pieces pieces;
    handler_buffer body;
    handler_buffer scratch;
    int64_t not_before_ms; /* the server asked to be left alone until then */
} http_handler;

/* A batch on its way through one call. */
typedef struct delivery {
    http_handler *self;
    busbar_call *call;
    const busbar_batch *batch;
    int32_t *verdicts;
    bool waits;              /* the rest is not sent: all of it is tried again */
    char reason[REASON_MAX]; /* of that */
} delivery;

static const char config_schema[] =
    "{\"type\":\"object\",\"required\":[\"url\"],\"additionalProperties\":false,\"properties\":{"
    "\"url\":{\"type\":\"string\",\"pattern\":\"^https?://\"},"
    "\"format\":{\"enum\":[\"json\",\"lines\",\"event\",\"cloudevent\",\"cloudevents\"]},"
    "\"envelope\":{\"type\":\"boolean\"},"
    "\"source\":{\"type\":\"string\",\"minLength\":1},"
    "\"max_events\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100000},"
    "\"max_bytes\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1073741824},"
    "\"gzip\":{\"type\":\"boolean\"},"
    "\"headers\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"},"
    "\"propertyNames\":{\"pattern\":\"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$\"}},"
    "\"bearer_token_file\":{\"type\":\"string\",\"minLength\":1},"
    "\"secret\":{\"type\":\"string\",\"minLength\":1},"
    "\"secret_file\":{\"type\":\"string\",\"minLength\":1},"
    "\"signature_header\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9-]+$\"},"
    "\"answers\":{\"enum\":[\"status\",\"list\"]},"
    "\"on_refusal\":{\"enum\":[\"bisect\",\"single\",\"batch\"]},"
    "\"wait_statuses\":{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":400,"
    "\"maximum\":499}},"
    "\"retry_after_max_ms\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":86400000},"
    "\"timeout_ms\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":3600000},"
    "\"connect_timeout_ms\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":3600000},"
    "\"verify\":{\"type\":\"boolean\"},"
    "\"ca_file\":{\"type\":\"string\",\"minLength\":1},"
    "\"client_certificate\":{\"type\":\"string\",\"minLength\":1},"
    "\"client_key\":{\"type\":\"string\",\"minLength\":1}}}";

static void http_close(void *data)
{
    http_handler *self = data;
    http_client_free(self->client);
    http_settings_clear(&self->settings);
    http_pieces_clear(&self->pieces);
    handler_buffer_clear(&self->body);
    handler_buffer_clear(&self->scratch);
    free(self);
}

static int32_t http_open(busbar_call *call, busbar_bytes config, void **ret_self)
{
    http_handler *self = calloc(1, sizeof(*self));
    if (!self)
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    const busbar_source_v1 *source =
        call->host->abi_minor >= 1 ? call->host->get_extension(BUSBAR_SOURCE_EXTENSION) : NULL;
    if (source)
        self->event_name = source->event_name(call);
    int32_t verdict = http_settings_init(&self->settings, call, config);
    if (verdict == BUSBAR_PASS && self->settings.gzip && !http_body_can_gzip())
        verdict = busbar_fail(call, BUSBAR_FATAL,
                              "`gzip`: this handler was built without zlib; build it with "
                              "zlib1g-dev installed, or leave `gzip` out");
    if (verdict == BUSBAR_PASS)
        verdict = http_client_new(&self->settings, call, &self->client);
    if (verdict == BUSBAR_PASS)
        handler_certificates_warn(call, self->settings.tree, http_client_place(self->client));
    if (verdict == BUSBAR_PASS)
        *ret_self = self;
    else
        http_close(self);
    return verdict;
}

static void answer_one(delivery *to, uint32_t index, int32_t verdict, uint32_t scope,
                       const char *reason)
{
    to->verdicts[index] = to->call->host->fail(to->call, index, verdict, scope, busbar_text(NULL),
                                               busbar_text(reason));
}

/* From here on nothing is sent in this call. */
static void wait_all(delivery *to, const char *reason)
{
    to->waits = true;
    (void)snprintf(to->reason, sizeof(to->reason), "%s", reason);
}

/* Remembers how long the server wants to be left alone. */
static void wait_for_server(delivery *to, const http_reply *reply)
{
    http_handler *self = to->self;
    char reason[REASON_MAX];
    int64_t wait_ms = reply->retry_after_ms;
    const char *place = http_client_place(self->client);
    if (wait_ms > self->settings.retry_after_max_ms)
        wait_ms = self->settings.retry_after_max_ms;
    if (reply->status == 0)
        (void)snprintf(reason, sizeof(reason), "%s: %s", place, reply->trouble);
    else if (wait_ms >= 0)
        (void)snprintf(reason, sizeof(reason), "%s answered %ld and asks to wait %lld ms", place,
                       reply->status, (long long)wait_ms);
    else
        (void)snprintf(reason, sizeof(reason), "%s answered %ld", place, reply->status);
    if (wait_ms > 0)
        self->not_before_ms = to->call->host->now_ms() + wait_ms;
    wait_all(to, reason);
}

/* A status that says nothing about an event. */
static bool is_passing(const http_settings *settings, long status)
{
    return status < 200 || (status >= 300 && status < 400) || status >= 500 || status == 408 ||
           status == 425 || status == 429 || http_settings_waits(settings, status);
}

static void reject(delivery *to, uint32_t index, long status)
{
    char reason[REASON_MAX];
    busbar_bytes answer = http_client_answer(to->self->client);
    size_t shown = answer.size < SHOWN_MAX ? answer.size : SHOWN_MAX;
    while (shown && shown < answer.size && ((unsigned char)answer.data[shown] & 0xc0) == 0x80)
        shown--; /* not inside a UTF-8 character */
    (void)snprintf(reason, sizeof(reason), "the server answered %ld%s%.*s", status,
                   shown ? ": " : "", (int)shown, shown ? answer.data : "");
    answer_one(to, index, BUSBAR_REJECT, BUSBAR_SCOPE_RECORD, reason);
}

/* {"status":422,"reason":"...","pointer":"/a"}: what the server would have answered to this event
 * alone. */
static bool read_status(const http_settings *settings, const json_t *entry,
                        handler_verdict *ret_verdict)
{
    const json_t *status = json_object_get(entry, "status");
    const char *reason = json_string_value(json_object_get(entry, "reason"));
    const char *pointer = json_string_value(json_object_get(entry, "pointer"));
    long number = (long)json_integer_value(status);
    if (!json_is_integer(status) || number < 100 || number > 599)
        return false;
    *ret_verdict = (handler_verdict){BUSBAR_REJECT, BUSBAR_SCOPE_RECORD, reason ? reason : "",
                                     pointer ? pointer : "", -1};
    if (number >= 200 && number < 300)
        ret_verdict->verdict = BUSBAR_PASS;
    else if (is_passing(settings, number))
        ret_verdict->verdict = BUSBAR_RETRY;
    return true;
}

static bool read_entry(const http_settings *settings, const json_t *entry,
                       handler_verdict *ret_verdict)
{
    const char *problem = NULL;
    *ret_verdict = (handler_verdict){0, BUSBAR_SCOPE_RECORD, "", "", -1};
    if (json_is_string(entry)) {
        ret_verdict->verdict =
            handler_verdict_word(json_string_value(entry), json_string_length(entry));
        return ret_verdict->verdict != 0;
    }
    return json_object_get(entry, "verdict") ? handler_verdict_read(entry, ret_verdict, &problem)
                                             : read_status(settings, entry, ret_verdict);
}

static void take_entry(delivery *to, uint32_t index, const handler_verdict *said)
{
    to->verdicts[index] = said->verdict;
    if (said->verdict != BUSBAR_PASS)
        (void)to->call->host->fail(
            to->call, index, said->verdict, said->scope, busbar_text(said->pointer),
            busbar_text(*said->reason ? said->reason : "the server gave no reason"));
}

/* {"results":[...]}: one for each event, in order. */
static void take_list(delivery *to, uint32_t first, uint32_t count)
{
    busbar_bytes answer = http_client_answer(to->self->client);
    json_t *tree = json_loadb(answer.size ? answer.data : "", answer.size, 0, NULL);
    const json_t *results = json_object_get(tree, "results");
    bool good = json_is_array(results) && json_array_size(results) == count;
    handler_verdict said;
    for (uint32_t i = 0; good && i < count; i++)
        good = read_entry(&to->self->settings, json_array_get(results, i), &said);
    for (uint32_t i = 0; good && i < count; i++) {
        (void)read_entry(&to->self->settings, json_array_get(results, i), &said);
        take_entry(to, first + i, &said);
    }
    json_decref(tree);
    if (!good)
        wait_all(to, "`answers: list`: the server's answer is not {\"results\":[...]} with a "
                     "verdict or status for each event of the request");
}

/* One request for the events [first, first + count). 0: it could not be made. */
static long send_range(delivery *to, uint32_t first, uint32_t count, http_reply *reply)
{
    http_handler *self = to->self;
    char key[320];
    if (!http_body_make(&self->body, &self->pieces, self->settings.format, first, count) ||
        (self->settings.gzip && !http_body_gzip(&self->body, &self->scratch)) ||
        !http_body_key(to->call->host, to->batch->events + first, count, key)) {
        wait_all(to, "out of memory");
        return 0;
    }
    http_client_post(self->client, to->call, &self->body, key, reply);
    if (is_passing(&self->settings, reply->status))
        wait_for_server(to, reply);
    return reply->status;
}

static void deliver(delivery *to, uint32_t first, uint32_t count);

/* Takes a refused request apart. */
static void split(delivery *to, uint32_t first, uint32_t count, long status)
{
    uint32_t part = to->self->settings.refusal == HTTP_REFUSAL_SINGLE ? 1 : (count + 1) / 2;
    if (to->self->settings.refusal == HTTP_REFUSAL_BATCH && status != 413) {
        for (uint32_t i = first; i < first + count; i++)
            reject(to, i, status);
        return;
    }
    for (uint32_t done = 0; done < count; done += part)
        deliver(to, first + done, part < count - done ? part : count - done);
}

/* Sends the events [first, first + count) and answers them, unless all have to wait. Halves at the
 * most, so it is as deep as a batch has binary digits. */
static void deliver(delivery *to, uint32_t first, uint32_t count)
{
    http_reply reply;
    if (to->waits)
        return;
    long status = send_range(to, first, count, &reply);
    if (to->waits)
        return;
    if (status >= 300 && count > 1)
        split(to, first, count, status);
    else if (status >= 300)
        reject(to, first, status);
    else if (to->self->settings.list)
        take_list(to, first, count);
    else
        for (uint32_t i = first; i < first + count; i++)
            to->verdicts[i] = BUSBAR_PASS;
}

/* How many events from `first` on go into one request. */
static uint32_t fit(const http_handler *self, uint32_t first)
{
    uint32_t count = 1;
    while (first + count < self->pieces.count && count < self->settings.max_events &&
           http_pieces_size(&self->pieces, first, count + 1) <= self->settings.max_bytes)
        count++;
    return count;
}

static int32_t http_handle(void *data, busbar_call *call, const busbar_batch *batch,
                           int32_t *verdicts)
{
    http_handler *self = data;
    delivery to = {.self = self, .call = call, .batch = batch, .verdicts = verdicts};
    int64_t left_ms = self->not_before_ms - call->host->now_ms();
    if (left_ms > 0)
        return busbar_unavailable(call, "%s asked to wait, %lld ms of it are left",
                                  http_client_place(self->client), (long long)left_ms);
    if (!http_pieces_fill(&self->pieces, &self->settings, self->event_name, call, batch))
        return busbar_unavailable(call, "out of memory");
    for (uint32_t first = 0, count; first < batch->count && !to.waits; first += count) {
        count = fit(self, first);
        deliver(&to, first, count);
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!verdicts[i])
            answer_one(&to, i, BUSBAR_RETRY, BUSBAR_SCOPE_INFRASTRUCTURE, to.reason);
    }
    return BUSBAR_PASS;
}

static const busbar_handler_ops ops = {
    .struct_size = sizeof(busbar_handler_ops),
    .open = http_open,
    .handle = http_handle,
    .close = http_close,
};

static const busbar_handler handler = {
    .struct_size = sizeof(busbar_handler),
    .name = "http",
    .summary = "Events in POST requests: JSON, JSON lines or CloudEvents",
    .config_schema = {config_schema, sizeof(config_schema) - 1},
    .ops = &ops,
};

static const busbar_handler *const handlers[] = {&handler};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, .name = "handler_http",
    .version = "0.1.0",     .summary = "Sends events over HTTP",
    .handler_count = 1,     .handlers = handlers,
};
