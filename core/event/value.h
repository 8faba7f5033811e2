/* Values as plugins see them, made from tokens and from JSON text. */
#ifndef BB_VALUE_H
#define BB_VALUE_H

#include <busbar/plugin.h>

#include "event/tape.h"

static inline uint32_t bb_value_of_token(const char *text, const bb_token *token,
                                         busbar_value *ret_value)
{
    ret_value->type = token->type;
    ret_value->escaped = token->flags & BB_TOKEN_ESCAPED;
    ret_value->json = (busbar_bytes){text + token->start, token->size};
    return token->type;
}

static inline uint32_t bb_value_absent(busbar_value *ret_value)
{
    *ret_value = (busbar_value){0};
    return BUSBAR_ABSENT;
}

/* Value of a JSON text with or without white space around it; `json.data` NULL is absent. */
uint32_t bb_value_of_json(busbar_bytes json, busbar_value *ret_value);

#endif
