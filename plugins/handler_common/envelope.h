/* An event as one line of JSON: bare, or in an envelope that says where it came from. */
#ifndef HANDLER_ENVELOPE_H
#define HANDLER_ENVELOPE_H

#include <stdbool.h>

#include <busbar/plugin.h>

#include "buffer.h"

/* Bytes as a JSON string; `null` for null, and false (nothing added) where they are no UTF-8. */
bool handler_add_string(handler_buffer *buffer, busbar_bytes bytes, bool *ret_out_of_memory);

/* The event without line feeds, which JSON has between its tokens only. False: out of memory. */
bool handler_add_value(handler_buffer *buffer, busbar_bytes json);

/* {"event":...,"topic":...,"partition":...,"offset":...,"key":...,"timestamp":...,"attempt":...,
 * "value":...}; a key that is no UTF-8 is `key_base64`. False: out of memory. */
bool handler_add_envelope(handler_buffer *buffer, busbar_bytes event_name,
                          const busbar_origin *origin, busbar_bytes json);

bool handler_add_base64(handler_buffer *buffer, busbar_bytes bytes);

#endif
