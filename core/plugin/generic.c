/* The built-in plugin "generic": domains that are a schema and nothing else. */
#include "plugin/registry_private.h"

const bb_plugin *bb_plugin_generic(void)
{
    static char path[] = "(built in)";
    static const bb_plugin generic = {
        path,
        {
            .magic = BUSBAR_MAGIC,
            .struct_size = sizeof(busbar_plugin_descriptor),
            .abi_major = BUSBAR_ABI_MAJOR,
            .abi_minor = BUSBAR_ABI_MINOR,
            .name = "generic",
            .version = BB_VERSION,
            .summary = "Events described by a schema alone",
        },
    };
    return &generic;
}
