/* Services of the host that read and change an event. */
#include "plugin/host.h"

#include <string.h>

busbar_field bb_host_field(busbar_call *call, busbar_bytes name)
{
    const bb_call *own = bb_call_of(call);
    if (call->stage != BUSBAR_STAGE_SETUP || !own->type || !own->type->contract || !name.data)
        return -1;
    uint32_t slot = bb_contract_slot(own->type->contract, name.data, name.size);
    return slot == BB_NO_SLOT ? -1 : (busbar_field)slot;
}

static uint32_t absent(busbar_value *ret_value)
{
    *ret_value = (busbar_value){BUSBAR_ABSENT, 0, {NULL, 0}};
    return BUSBAR_ABSENT;
}

uint32_t bb_host_get(const busbar_event *event, busbar_field field, busbar_value *ret_value)
{
    if (field < 0 || (uint32_t)field >= event->slot_count)
        return absent(ret_value);
    return bb_event_get(event, (uint32_t)field, ret_value);
}

uint32_t bb_host_get_original(const busbar_event *event, busbar_field field,
                              busbar_value *ret_value)
{
    if (field < 0 || (uint32_t)field >= event->slot_count)
        return absent(ret_value);
    return bb_event_get_original(event, (uint32_t)field, ret_value);
}

uint32_t bb_host_find(const busbar_event *event, busbar_bytes pointer, busbar_value *ret_value)
{
    return bb_event_find(event, pointer, ret_value);
}

int32_t bb_host_text(busbar_call *call, const busbar_event *event, const busbar_value *value,
                     busbar_bytes *ret_text)
{
    (void)call; /* the text lives as long as the event */
    return value->type == BUSBAR_STRING && bb_event_text(event, value, ret_text);
}

int32_t bb_host_integer(const busbar_value *value, int64_t *ret_integer)
{
    return value->type == BUSBAR_NUMBER && bb_value_integer(value, ret_integer);
}

int32_t bb_host_number(const busbar_value *value, double *ret_number)
{
    return value->type == BUSBAR_NUMBER && bb_value_double(value, ret_number);
}

/* Changes are for `enrich`, and for events whose root is an object; the name must be UTF-8, as it
 * goes into the text. */
static bool may_set(const busbar_call *call, const busbar_event *event, busbar_bytes name)
{
    return call->stage == BUSBAR_STAGE_ENRICH && event->tokens[0].type == BB_OBJECT &&
           (name.data || !name.size) &&
           g_utf8_validate_len(name.data ? name.data : "", name.size, NULL);
}

static void set(busbar_event *event, busbar_bytes name, busbar_bytes json)
{
    bb_event_release(event); /* a json view shows the event as it was */
    busbar_bytes kept = {bb_arena_copy(event->arena, name.data, name.size), name.size};
    bb_event_set_name(event, kept, json);
}

int32_t bb_host_set_json(busbar_call *call, busbar_event *event, busbar_bytes name,
                         busbar_bytes json)
{
    bb_parser *checker = bb_call_of(call)->checker;
    bb_tape tape;
    bb_parse_error trouble;
    if (!may_set(call, event, name) || !checker || !json.data)
        return 0;
    if (!bb_parse(checker, json.data, json.size, &tape, &trouble))
        return 0;
    set(event, name, (busbar_bytes){bb_arena_copy(event->arena, json.data, json.size), json.size});
    return 1;
}

int32_t bb_host_set_text(busbar_call *call, busbar_event *event, busbar_bytes name,
                         busbar_bytes text)
{
    if (!may_set(call, event, name) || (!text.data && text.size))
        return 0;
    if (!text.data)
        text.data = "";
    busbar_bytes quoted = bb_quote(event->arena, text);
    if (!quoted.data)
        return 0;
    set(event, name, quoted);
    return 1;
}

busbar_bytes bb_host_json(busbar_call *call, busbar_event *event)
{
    (void)call;
    return bb_event_json(event);
}

/* Where an event has no record behind it, its origin is made when somebody asks. */
static const busbar_origin *make_origin(const busbar_event *event)
{
    const bb_event_type *type = event->type;
    busbar_origin *origin = bb_arena_alloc(event->arena, sizeof(*origin));
    memset(origin, 0, sizeof(*origin));
    origin->struct_size = sizeof(*origin);
    origin->partition = -1;
    origin->offset = -1;
    origin->timestamp_ms = -1;
    origin->attempt = 1;
    origin->value = (busbar_bytes){event->text, event->size};
    if (type && type->topic)
        origin->topic = (busbar_bytes){type->topic, strlen(type->topic)};
    return origin;
}

const busbar_origin *bb_host_origin(const busbar_event *event)
{
    /* Caches inside the event: the event belongs to one thread. */
    busbar_event *own = (busbar_event *)event;
    if (!event->origin)
        own->origin = make_origin(event);
    else if (event->complete_origin)
        event->complete_origin((busbar_origin *)event->origin);
    own->complete_origin = NULL;
    return event->origin;
}
