/* Asks the handlers that keep offsets with their data where they stand. */
#include "kafka/stores.h"

#include <busbar/storage.h>

#include "pipeline/call.h"

gboolean bb_stores_any(const bb_event_type *type)
{
    for (guint i = 0; type->handlers && i < type->handlers->len; i++) {
        if (((const bb_handler_binding *)g_ptr_array_index(type->handlers, i))->places)
            return TRUE;
    }
    return FALSE;
}

/* One handler's answers to all questions; its verdict. */
static int32_t ask_one(const bb_event_type *type, const bb_handler_binding *binding,
                       bb_metrics *metrics, GArray *answers, char **ret_problem)
{
    g_autoptr(bb_arena) scratch = bb_arena_new(0);
    bb_statement stated = {0};
    bb_call call = {.base = {.struct_size = sizeof(busbar_call),
                             .stage = BUSBAR_STAGE_SETUP,
                             .host = type->host},
                    .type = type,
                    .who = binding->name,
                    .scratch = scratch,
                    .statements = &stated,
                    .statement_count = 1,
                    .metrics = metrics};
    int32_t verdict = binding->places->find(&call.base, busbar_text(binding->handler),
                                            busbar_text(binding->config),
                                            (busbar_place *)(gpointer)answers->data, answers->len);
    if (verdict == BUSBAR_RETRY)
        *ret_problem = g_strdup_printf("handler %s: %s", binding->name,
                                       stated.text ? stated.text : "no reason given");
    return verdict;
}

/* The furthest back counts, and the first that lacks something. */
static void take_answers(const bb_handler_binding *binding, const GArray *answers, GArray *places)
{
    for (guint i = 0; i < places->len; i++) {
        const busbar_place *answer = &g_array_index(answers, busbar_place, i);
        bb_stored *place = &g_array_index(places, bb_stored, i);
        place->next = MIN(place->next, MAX(answer->next, place->from));
        if (answer->lacks >= 0 && !place->where) {
            place->lacks = answer->lacks;
            place->where = binding->name;
        }
    }
}

static GArray *make_questions(const GArray *places)
{
    GArray *questions = g_array_new(FALSE, TRUE, sizeof(busbar_place));
    for (guint i = 0; i < places->len; i++) {
        const bb_stored *place = &g_array_index(places, bb_stored, i);
        const busbar_place question = {.struct_size = sizeof(question),
                                       .partition = place->partition,
                                       .from = place->from,
                                       .handled = place->handled,
                                       .next = -1,
                                       .lacks = -1};
        g_array_append_val(questions, question);
    }
    return questions;
}

gboolean bb_stores_ask(const bb_event_type *type, bb_metrics *metrics, GArray *places,
                       char **ret_problem)
{
    gboolean all = !type->ops.handle; /* what keeps no offsets has to see what Kafka says */
    gboolean reached = TRUE;
    for (guint i = 0; i < places->len; i++) {
        bb_stored *place = &g_array_index(places, bb_stored, i);
        place->next = G_MAXINT64;
        place->lacks = -1;
        place->where = NULL;
    }
    for (guint i = 0; reached && i < type->handlers->len; i++) {
        const bb_handler_binding *binding = g_ptr_array_index(type->handlers, i);
        g_autoptr(GArray) answers = make_questions(places);
        int32_t verdict =
            binding->places ? ask_one(type, binding, metrics, answers, ret_problem) : BUSBAR_DROP;
        reached = verdict != BUSBAR_RETRY;
        all = all && verdict == BUSBAR_PASS;
        if (verdict == BUSBAR_PASS) /* others are told about when the handler is opened */
            take_answers(binding, answers, places);
    }
    for (guint i = 0; i < places->len; i++) {
        bb_stored *place = &g_array_index(places, bb_stored, i);
        if (!all || !reached || place->next == G_MAXINT64)
            place->next = place->from;
    }
    return reached;
}
