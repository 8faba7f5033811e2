/* Error domain of the core. */
#include "base/error.h"

G_DEFINE_QUARK(bb - error - quark, bb_error)

int bb_error_exit_code(const GError *error)
{
    if (!error || error->domain != BB_ERROR)
        return BB_EXIT_USAGE;
    switch ((bb_error_code)error->code) {
    case BB_ERROR_KAFKA:
        return BB_EXIT_KAFKA;
    case BB_ERROR_PLUGIN:
        return BB_EXIT_PLUGIN;
    case BB_ERROR_INTERNAL:
        return BB_EXIT_BUG;
    case BB_ERROR_USAGE:
    case BB_ERROR_IO:
        break;
    }
    return BB_EXIT_USAGE;
}
