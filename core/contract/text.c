/* Hands out the text that a contract was compiled from. */
#include "contract/contract_private.h"

const char *bb_contract_text(const bb_contract *contract, gsize *ret_size)
{
    if (ret_size)
        *ret_size = contract->text_size;
    return contract->text;
}
