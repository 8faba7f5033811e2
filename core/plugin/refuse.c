/* Errors about plugin files. */
#include "plugin/refuse.h"

#include "base/error.h"

gboolean bb_plugin_refuse(GError **error, const char *path, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, BB_ERROR, BB_ERROR_PLUGIN, "%s: %s", path, text);
    return FALSE;
}
