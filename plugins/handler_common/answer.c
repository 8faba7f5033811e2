/* Verdicts of handlers with a store, with the reasons that go with them. */
#include "answer.h"

#include <stdio.h>

int32_t handler_refuse(busbar_call *call, uint32_t index, const char *table, const char *column,
                       const char *reason)
{
    char pointer[80], text[700];
    bool named = column && *column;
    (void)snprintf(pointer, sizeof(pointer), "%s%.78s", named ? "/" : "", named ? column : "");
    (void)snprintf(text, sizeof(text), "%s%s%stable %s: %s", named ? "column " : "",
                   named ? column : "", named ? " of " : "", table, reason); /* cut where longer */
    (void)call->host->fail(call, index, BUSBAR_REJECT, BUSBAR_SCOPE_RECORD, busbar_text(pointer),
                           busbar_text(text));
    return BUSBAR_REJECT;
}

int32_t handler_wait(busbar_call *call, uint32_t index, const char *reason)
{
    (void)call->host->fail(call, index, BUSBAR_RETRY, BUSBAR_SCOPE_INFRASTRUCTURE,
                           busbar_text(NULL), busbar_text(reason));
    return BUSBAR_RETRY;
}

int32_t handler_pass_stored(busbar_call *call, const busbar_origin *origin, int32_t metric,
                            bool *told, const char *remedy)
{
    call->host->record_metric(call, metric, 1);
    if (!*told)
        busbar_log(call, BUSBAR_LOG_WARNING,
                   "partition %d: records from offset %lld on had been stored before and are not "
                   "stored again; if the topic was made anew, %s",
                   (int)origin->partition, (long long)origin->offset, remedy);
    *told = true;
    return BUSBAR_PASS;
}
