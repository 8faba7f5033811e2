/* Calls into a plugin's event type, judged. */
#include "pipeline/plugin_call.h"

#include <string.h>

void bb_call_init(bb_call *call, const bb_event_type *type, bb_arena *scratch,
                  bb_statement *statement, bb_metrics *metrics)
{
    memset(call, 0, sizeof(*call));
    call->base.struct_size = sizeof(busbar_call);
    call->base.host = type->host;
    call->type = type;
    call->who = type->plugin ? type->plugin : "generic";
    call->scratch = scratch;
    call->statements = statement;
    call->statement_count = 1;
    call->metrics = metrics;
}

void bb_call_begin(bb_call *call, uint32_t stage)
{
    call->base.stage = stage;
    memset(call->statements, 0, sizeof(*call->statements) * call->statement_count);
}

static const char *verdict_name(int32_t verdict)
{
    static const char *const names[] = {"nothing", "PASS", "DROP", "REJECT", "RETRY", "FATAL"};
    return names[verdict];
}

static const char *describe(const bb_call *call, const char *operation, int32_t answer,
                            bb_arena *arena)
{
    const char *version = call->type->plugin_version ? call->type->plugin_version : "";
    g_autofree char *text = NULL;
    if (answer > BUSBAR_PASS && answer <= BUSBAR_FATAL)
        text = g_strdup_printf("plugin %s answered %s from %s and gave no reason", call->who,
                               verdict_name(answer), operation);
    else
        text = g_strdup_printf("plugin %s %s is at fault: its %s answered %d, which is no verdict "
                               "(1 to 5); the event will be tried again",
                               call->who, version, operation, answer);
    return bb_arena_copy(arena, text, strlen(text));
}

int32_t bb_call_judge(const bb_call *call, const char *operation, int32_t answer, bb_arena *arena,
                      bb_statement *ret_statement)
{
    gboolean is_verdict = answer >= BUSBAR_PASS && answer <= BUSBAR_FATAL;
    const bb_statement *stated = &call->statements[0];
    *ret_statement = (bb_statement){answer, BUSBAR_SCOPE_RECORD, "", ""};
    if (answer == BUSBAR_PASS)
        return answer;
    if (is_verdict && stated->verdict) {
        ret_statement->scope = stated->scope ? stated->scope : BUSBAR_SCOPE_RECORD;
        ret_statement->pointer = bb_arena_copy(arena, stated->pointer, strlen(stated->pointer));
        ret_statement->text = bb_arena_copy(arena, stated->text, strlen(stated->text));
    }
    if (!*ret_statement->text)
        ret_statement->text = describe(call, operation, answer, arena);
    ret_statement->verdict = is_verdict ? answer : BUSBAR_RETRY;
    return ret_statement->verdict;
}
