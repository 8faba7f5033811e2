/* Counts the events of a batch by the value of one member: a counter for each value it may have. */
#ifndef OWNLENS_TALLY_H
#define OWNLENS_TALLY_H

#include <stdlib.h>

#include "ownlens.h"

enum { OWNLENS_TALLY_VALUES = 16, OWNLENS_METRIC_NAME = 96 };

/* What to count. The counter of a value is called "<prefix>_<value in lower case>_total". */
typedef struct ownlens_tally_plan {
    const char *member;
    const char *prefix;
    const char *help;
    const char *values[OWNLENS_TALLY_VALUES + 1]; /* ends with NULL */
} ownlens_tally_plan;

typedef struct ownlens_tally {
    const ownlens_tally_plan *plan;
    busbar_field field;
    uint32_t count;
    int32_t metrics[OWNLENS_TALLY_VALUES];
    size_t sizes[OWNLENS_TALLY_VALUES];
} ownlens_tally;

static inline int32_t ownlens_tally_metric(busbar_call *call, const ownlens_tally_plan *plan,
                                           const char *value)
{
    char name[OWNLENS_METRIC_NAME];
    int size = snprintf(name, sizeof(name), "%s_%s_total", plan->prefix, value);
    if (size < 0 || (size_t)size >= sizeof(name))
        return -1;
    for (char *c = name; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    return call->host->metric(call, BUSBAR_COUNTER, busbar_text(name), busbar_text(plan->help));
}

static inline void ownlens_tally_init(ownlens_tally *tally, busbar_call *call,
                                      const ownlens_tally_plan *plan)
{
    tally->plan = plan;
    tally->field = busbar_field_of(call, plan->member);
    tally->count = 0;
    for (; plan->values[tally->count]; tally->count++) {
        const char *value = plan->values[tally->count];
        tally->sizes[tally->count] = strlen(value);
        tally->metrics[tally->count] = ownlens_tally_metric(call, plan, value);
    }
}

/* The first letter tells most values apart without a call. */
static inline int32_t ownlens_tally_is(const ownlens_tally *tally, uint32_t i, busbar_bytes text)
{
    const char *value = tally->plan->values[i];
    return tally->sizes[i] == text.size && text.size > 0 && value[0] == text.data[0] &&
           memcmp(value, text.data, text.size) == 0;
}

/* Index of the value, or `tally->count` when it is none of them. */
static inline uint32_t ownlens_tally_find(const ownlens_tally *tally, busbar_call *call,
                                          const busbar_event *event)
{
    busbar_value value;
    busbar_bytes text;
    uint32_t i = 0;
    if (ownlens_get(call, event, tally->field, &value) != BUSBAR_STRING ||
        !call->host->text(call, event, &value, &text))
        return tally->count;
    while (i < tally->count && !ownlens_tally_is(tally, i, text))
        i++;
    return i;
}

/* Adds a whole batch with one write per value: the counters are shared by all lanes. */
static inline void ownlens_tally_add(const ownlens_tally *tally, busbar_call *call,
                                     const busbar_batch *batch)
{
    uint32_t counts[OWNLENS_TALLY_VALUES + 1] = {0};
    for (uint32_t i = 0; i < batch->count; i++)
        counts[ownlens_tally_find(tally, call, batch->events[i])]++;
    for (uint32_t i = 0; i < tally->count; i++)
        if (counts[i] > 0 && tally->metrics[i] >= 0)
            call->host->record_metric(call, tally->metrics[i], counts[i]);
}

/* Answers a batch that needs nothing but counting. */
static inline int32_t ownlens_pass_all(const busbar_batch *batch, int32_t *verdicts)
{
    for (uint32_t i = 0; i < batch->count; i++)
        verdicts[i] = BUSBAR_PASS;
    return BUSBAR_PASS;
}

#endif
