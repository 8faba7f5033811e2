/* The options that say which part of a topic is meant: --from, --to, --last, --partition. */
#ifndef BB_RANGE_OPTION_H
#define BB_RANGE_OPTION_H

#include "kafka/range_reader.h"

typedef struct bb_range_option {
    const char *from; /* NULL: not given */
    const char *to;
    gint64 last;    /* -1: not given */
    gint partition; /* -1: not given */
} bb_range_option;

/* FALSE after a usage error was printed for `command`. */
gboolean bb_range_option_read(const char *command, const bb_range_option *option,
                              bb_range *ret_range);

#endif
