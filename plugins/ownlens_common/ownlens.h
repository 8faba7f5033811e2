/* What the OWNLENS plugins share: reading members, and the date that follows a timestamp. */
#ifndef OWNLENS_H
#define OWNLENS_H

#include <busbar/plugin.h>

#define OWNLENS_VERSION "1.0.0"

/* Current value of a member; BUSBAR_ABSENT too when the contract in use does not declare it. */
static inline uint32_t ownlens_get(const busbar_call *call, const busbar_event *event,
                                   busbar_field field, busbar_value *ret_value)
{
    ret_value->type = BUSBAR_ABSENT;
    if (field >= 0)
        (void)call->host->get(event, field, ret_value); /* the type is in the value too */
    return ret_value->type;
}

static inline int ownlens_is_given(uint32_t type)
{
    return type != BUSBAR_ABSENT && type != BUSBAR_NULL;
}

enum { OWNLENS_DATE_SIZE = 10 }; /* YYYY-MM-DD */

/* Sets `target` to the calendar date of `source` when it has no value of its own. The canonical
 * form of a timestamp begins with its date in its own offset, which is the date that is wanted: no
 * conversion to UTC. */
static inline int32_t ownlens_derive_date(busbar_call *call, busbar_event *event,
                                          busbar_field target, busbar_field source,
                                          const char *target_name)
{
    busbar_value date;
    busbar_value timestamp;
    busbar_bytes text;
    if (ownlens_is_given(ownlens_get(call, event, target, &date)))
        return BUSBAR_PASS;
    if (ownlens_get(call, event, source, &timestamp) != BUSBAR_STRING)
        return BUSBAR_PASS;
    if (!call->host->text(call, event, &timestamp, &text) || text.size < OWNLENS_DATE_SIZE)
        return BUSBAR_PASS;
    text.size = OWNLENS_DATE_SIZE;
    if (!call->host->set_text(call, event, busbar_text(target_name), text))
        return busbar_fail(call, BUSBAR_FATAL, "the host refused to set %s", target_name);
    return BUSBAR_PASS;
}

#endif
