/* The sentence with which a plugin file is refused. */
#ifndef BB_PLUGIN_REFUSE_H
#define BB_PLUGIN_REFUSE_H

#include <glib.h>

/* Sets "<path>: <text>" as BB_ERROR_PLUGIN; FALSE, to be returned. */
gboolean bb_plugin_refuse(GError **error, const char *path, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

#endif
