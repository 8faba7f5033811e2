/* Error codes of the core, named after what the caller does next. */
#ifndef BB_ERROR_H
#define BB_ERROR_H

#include <glib.h>

#define BB_ERROR (bb_error_quark())

typedef enum {
    BB_ERROR_USAGE = 1, /* tell the user: command line, configuration, contract (exit 2) */
    BB_ERROR_KAFKA,     /* try again or report: Kafka is not reachable or refuses (exit 3) */
    BB_ERROR_PLUGIN,  /* leave the plugin out: it cannot be loaded or broke its contract (exit 4) */
    BB_ERROR_IO,      /* a file or stream failed (exit 2) */
    BB_ERROR_INTERNAL /* a bug of busbar (exit 70) */
} bb_error_code;

GQuark bb_error_quark(void);

/* Exit codes of the command line (docs/configuration.md, "Exit codes"). */
enum {
    BB_EXIT_DONE = 0,
    BB_EXIT_REFUSED = 1, /* some events were refused */
    BB_EXIT_USAGE = 2,   /* usage, configuration, files */
    BB_EXIT_KAFKA = 3,
    BB_EXIT_PLUGIN = 4,
    BB_EXIT_BUG = 70
};

/* The exit code that fits an error. */
int bb_error_exit_code(const GError *error);

#endif
