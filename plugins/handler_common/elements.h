/* A walk over the elements of a JSON array. Its grammar has been checked before. */
#ifndef HANDLER_ELEMENTS_H
#define HANDLER_ELEMENTS_H

#include <stdbool.h>

#include <busbar/plugin.h>

typedef struct handler_elements {
    const char *at;
    const char *end;
} handler_elements;

/* `value` is an array. */
handler_elements handler_elements_of(const busbar_value *value);
/* False at the end. */
bool handler_elements_next(handler_elements *list, busbar_value *ret_value);

#endif
