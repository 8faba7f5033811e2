/* Breaks exactly one rule of an event that is being generated. */
#include <string.h>

#include "app/generate_fault.h"

typedef gboolean (*eligible_fn)(const bb_plan_field *field);

static gboolean is_required(const bb_plan_field *field)
{
    return field->required;
}

static gboolean is_enum(const bb_plan_field *field)
{
    return field->make == BB_MAKE_ENUM;
}

static gboolean is_uuid(const bb_plan_field *field)
{
    return field->make == BB_MAKE_UUID;
}

static gboolean is_limited_text(const bb_plan_field *field)
{
    return field->make == BB_MAKE_TEXT && field->max_length > 0;
}

static gboolean is_count(const bb_plan_field *field)
{
    return field->make == BB_MAKE_INTEGER && field->has_minimum;
}

static gboolean is_scalar(const bb_plan_field *field)
{
    return field->make != BB_MAKE_OBJECT && field->make != BB_MAKE_ARRAY;
}

static gboolean is_instant(const bb_plan_field *field)
{
    return field->make == BB_MAKE_INSTANT;
}

static gboolean is_url(const bb_plan_field *field)
{
    return field->make == BB_MAKE_URL;
}

static gboolean has_maximum(const bb_plan_field *field)
{
    return field->has_maximum;
}

/* Which members a fault can sit in; NULL: it concerns the whole event. */
static const eligible_fn eligible[BB_FAULT_COUNT] = {
    [BB_FAULT_MISSING] = is_required, [BB_FAULT_ENUM] = is_enum,
    [BB_FAULT_UUID] = is_uuid,        [BB_FAULT_LONG] = is_limited_text,
    [BB_FAULT_NEGATIVE] = is_count,   [BB_FAULT_TYPE] = is_scalar,
    [BB_FAULT_INSTANT] = is_instant,  [BB_FAULT_URL] = is_url,
    [BB_FAULT_MAXIMUM] = has_maximum,
};

static const bb_plan_field *pick_field(const bb_plan *plan, bb_fault_kind kind, guint64 *dice)
{
    guint count = plan->fields->len;
    guint first = (guint)bb_dice_below(dice, count);
    for (guint i = 0; i < count; i++) {
        const bb_plan_field *field = plan->fields->pdata[(first + i) % count];
        if (eligible[kind](field))
            return field;
    }
    return NULL;
}

bb_fault bb_fault_pick(const bb_plan *plan, guint64 *dice)
{
    guint first = (guint)bb_dice_below(dice, BB_FAULT_COUNT);
    for (guint i = 0; i < BB_FAULT_COUNT; i++) {
        bb_fault fault = {.kind = (bb_fault_kind)((first + i) % BB_FAULT_COUNT)};
        if (fault.kind == BB_FAULT_NONE)
            continue;
        if (fault.kind == BB_FAULT_CUT || (fault.kind == BB_FAULT_UNKNOWN && plan->closed))
            return fault;
        if (!eligible[fault.kind])
            continue;
        fault.field = pick_field(plan, fault.kind, dice);
        if (fault.field)
            return fault;
    }
    return (bb_fault){.kind = BB_FAULT_CUT};
}

void bb_fault_value(const bb_fault *fault, GString *out)
{
    switch (fault->kind) {
    case BB_FAULT_ENUM:
        g_string_append(out, "\"no_such_value\"");
        break;
    case BB_FAULT_UUID:
        g_string_append(out, "\"not-a-uuid\"");
        break;
    case BB_FAULT_LONG:
        g_string_append_c(out, '"');
        for (gsize i = 0; i <= fault->field->max_length; i++)
            g_string_append_c(out, 'x');
        g_string_append_c(out, '"');
        break;
    case BB_FAULT_NEGATIVE:
        g_string_append_printf(out, "%.0f", fault->field->minimum - 7);
        break;
    case BB_FAULT_MAXIMUM:
        g_string_append_printf(out, "%.0f", fault->field->maximum + 1);
        break;
    case BB_FAULT_INSTANT:
        g_string_append(out, "\"the day before yesterday\"");
        break;
    case BB_FAULT_URL:
        g_string_append(out, "\"ftp//example.org\"");
        break;
    default:
        g_string_append(out, "{\"unexpected\":[1,2]}");
        break;
    }
}

void bb_fault_finish(const bb_fault *fault, GString *out)
{
    if (fault->kind == BB_FAULT_UNKNOWN)
        g_string_append(out, ",\"colour\":\"red\"");
    if (fault->kind != BB_FAULT_CUT)
        g_string_append_c(out, '}');
}
