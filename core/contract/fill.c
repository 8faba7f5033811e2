/* Fills absent members: defaults and generated values. */
#include "contract/derived.h"
#include "contract/evaluator.h"
#include "contract/random.h"

enum { NOW_MAX = 34, UUID_TEXT = 38 };

/* What the members of one event share; made when the first of them asks. */
typedef struct filler {
    bb_evaluator *evaluator;
    busbar_event *event;
    const bb_fill_context *context;
    busbar_bytes now;
    bool derivation_made;
    bb_derivation derivation;
} filler;

static busbar_bytes make_now(filler *fill)
{
    if (!fill->now.data) {
        char *text = bb_arena_alloc(fill->event->arena, NOW_MAX);
        text[0] = '"';
        size_t size = 1 + bb_instant_format(fill->context->now_us, text + 1);
        text[size++] = '"';
        fill->now = (busbar_bytes){text, size};
    }
    return fill->now;
}

static void take_random(bb_evaluator *evaluator, uint8_t *out)
{
    if (!evaluator->random)
        evaluator->random = bb_random_new();
    bb_random_take(evaluator->random, out);
}

static void make_uuid_bytes(filler *fill, uint32_t slot, uint8_t *out)
{
    const bb_fill_context *context = fill->context;
    if (!context->topic) {
        take_random(fill->evaluator, out);
        out[6] = (uint8_t)((out[6] & 0x0F) | 0x40);
        out[8] = (uint8_t)((out[8] & 0x3F) | 0x80);
        return;
    }
    if (!fill->derivation_made) {
        bb_derivation_init(&fill->derivation, context->topic, context->partition, context->offset);
        fill->derivation_made = true;
    }
    busbar_bytes name = fill->event->slot_names[slot].name;
    bb_derivation_uuid(&fill->derivation, name.data, name.size, out);
}

static busbar_bytes make_uuid(filler *fill, uint32_t slot)
{
    uint8_t bytes[16];
    char *text = bb_arena_alloc(fill->event->arena, UUID_TEXT);
    make_uuid_bytes(fill, slot, bytes);
    text[0] = '"';
    bb_uuid_write(bytes, text + 1);
    text[UUID_TEXT - 1] = '"';
    return (busbar_bytes){text, UUID_TEXT};
}

static void generate(filler *fill, const bb_member *member, uint32_t slot)
{
    busbar_bytes value =
        member->generate == BB_GENERATE_NOW ? make_now(fill) : make_uuid(fill, slot);
    bb_event_set_slot(fill->event, slot, value);
}

/* Type of the member's current value. */
static uint32_t find_type(const busbar_event *event, uint32_t slot)
{
    busbar_value value;
    uint32_t current = event->slots[slot];
    if (current == 0)
        return BUSBAR_ABSENT;
    if (!(current & BB_SLOT_EDIT))
        return event->tokens[current].type;
    return bb_event_get(event, slot, &value);
}

void bb_contract_fill(const bb_contract *contract, bb_evaluator *evaluator, busbar_event *event,
                      const bb_fill_context *context)
{
    if (event->tokens[0].type != BB_OBJECT)
        return;
    filler fill;
    fill.evaluator = evaluator;
    fill.event = event;
    fill.context = context;
    fill.now = (busbar_bytes){NULL, 0};
    fill.derivation_made = false;
    for (uint32_t i = 0; i < contract->fill_count; i++) {
        uint32_t slot = contract->fills[i];
        const bb_member *member = &contract->members[slot];
        uint32_t type = find_type(event, slot);
        if (type == BUSBAR_ABSENT) {
            if (member->generate_absent)
                generate(&fill, member, slot);
            else if (member->default_json.data)
                bb_event_set_slot(event, slot, member->default_json);
        } else if (type == BUSBAR_NULL && member->generate_null) {
            generate(&fill, member, slot);
        }
    }
}
