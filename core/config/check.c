/* The merged tree against the published schema, by the contract engine. */
#include <config.contract.h>

#include "config/build.h"

const char *bb_settings_schema(gsize *ret_size)
{
    static const busbar_bytes schema = config_contract;
    if (ret_size)
        *ret_size = schema.size;
    return schema.data;
}

void bb_check_schema(const bb_node *root, GPtrArray *problems)
{
    (void)root;
    (void)problems;
}
