/* Makes invented events from a contract, member by member. */
#include "app/generate.h"

#include <string.h>

#include "app/generate_fault.h"
#include "app/generate_private.h"
#include "base/clock.h"

#define DAY_US (G_GINT64_CONSTANT(86400) * 1000000)

struct bb_generator {
    bb_plan *plan;
    guint64 seed;
    gint64 around_us;
};

bb_generator *bb_generator_new(const char *contract, gsize size, guint64 seed, gint64 around_us,
                               GError **error)
{
    bb_plan *plan = bb_plan_new(contract, size, error);
    if (!plan)
        return NULL;
    bb_generator *generator = g_new0(bb_generator, 1);
    gint64 now_us = bb_clock_wall_us();
    generator->plan = plan;
    generator->seed = seed;
    generator->around_us = around_us ? around_us : now_us - now_us % DAY_US;
    return generator;
}

void bb_generator_free(bb_generator *generator)
{
    if (!generator)
        return;
    bb_plan_free(generator->plan);
    g_free(generator);
}

/* Members that other members need, or that consumers sort by. */
static gboolean is_always_there(const bb_plan_field *field)
{
    return field->required || strcmp(field->name, "event_timestamp") == 0 ||
           strcmp(field->name, "session_start") == 0;
}

/* Members that are derived; leaving them out shows that. */
static gboolean is_derived(const bb_plan_field *field)
{
    return strcmp(field->name, "session_duration_sec") == 0 ||
           (strcmp(field->name, "event_date") == 0 && !field->required);
}

typedef enum presence { ABSENT, IS_NULL, PRESENT } presence;

static presence throw_presence(const bb_plan_field *field, guint64 *dice)
{
    guint64 throw = bb_dice_below(dice, 100);
    if (is_always_there(field))
        return PRESENT;
    if (is_derived(field))
        return ABSENT;
    if (field->nullable && throw < 4)
        return IS_NULL;
    return throw < 82 ? PRESENT : ABSENT;
}

static void append_member(const bb_plan_field *field, const bb_fault *fault, bb_scene *scene,
                          GString *out)
{
    presence there = throw_presence(field, &scene->dice);
    gboolean at_fault = fault->field == field;
    if (at_fault ? fault->kind == BB_FAULT_MISSING : there == ABSENT)
        return;
    if (out->str[out->len - 1] != '{')
        g_string_append_c(out, ',');
    bb_value_quote(out, field->name);
    g_string_append_c(out, ':');
    if (at_fault)
        bb_fault_value(fault, out);
    else if (there == IS_NULL)
        g_string_append(out, "null");
    else
        bb_value_make(field, scene, out);
}

void bb_generator_event(bb_generator *generator, guint64 index, gboolean bad, GString *out)
{
    const bb_plan *plan = generator->plan;
    bb_scene scene = {.dice = bb_dice_mix(generator->seed) ^ bb_dice_mix(~index)};
    bb_fault fault = {.kind = BB_FAULT_NONE};
    scene.when_us = generator->around_us - (gint64)bb_dice_below(&scene.dice, DAY_US / 1000) * 1000;
    scene.place = (guint)bb_dice_below(&scene.dice, 1024);
    if (bad)
        fault = bb_fault_pick(plan, &scene.dice);
    g_string_append_c(out, '{');
    for (guint i = 0; i < plan->fields->len; i++)
        append_member(plan->fields->pdata[i], &fault, &scene, out);
    bb_fault_finish(&fault, out);
}

GString *bb_generate_event(const bb_event_type *type, guint64 seed, guint64 index, gboolean bad)
{
    gsize size = 0;
    const char *contract = bb_contract_text(type->contract, &size);
    GString *out = g_string_new(NULL);
    g_autoptr(bb_generator) generator =
        contract ? bb_generator_new(contract, size, seed, /* around_us= */ 0, NULL) : NULL;
    if (generator)
        bb_generator_event(generator, index, bad, out);
    else
        g_string_append(out, bad ? "{" : "{}"); /* a contract that declares no members */
    return out;
}
