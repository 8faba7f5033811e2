/* Error domain of the core. */
#include "base/error.h"

#include <stdatomic.h>

GQuark bb_error_quark(void)
{
    static _Atomic GQuark quark; /* threads that come first together all get the same number */
    GQuark known = atomic_load_explicit(&quark, memory_order_relaxed);
    if (!known) {
        known = g_quark_from_static_string("bb-error-quark");
        atomic_store_explicit(&quark, known, memory_order_relaxed);
    }
    return known;
}

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
