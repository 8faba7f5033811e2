/* A compiled contract as others see it. */
#include "contract/contract_private.h"

#include <string.h>

bb_contract *bb_contract_ref(bb_contract *contract)
{
    g_atomic_ref_count_inc(&contract->refs);
    return contract;
}

void bb_contract_unref(bb_contract *contract)
{
    if (!contract || !g_atomic_ref_count_dec(&contract->refs))
        return;
    g_ptr_array_unref(contract->patterns);
    bb_arena_free(contract->arena);
    g_free(contract);
}

const bb_slot_name *bb_contract_slots(const bb_contract *contract, uint32_t *ret_count)
{
    *ret_count = contract->slot_count;
    return contract->slot_names;
}

uint32_t bb_contract_slot(const bb_contract *contract, const char *name, gsize size)
{
    for (uint32_t i = 0; i < contract->slot_count; i++) {
        const busbar_bytes *known = &contract->slot_names[i].name;
        if (known->size == size && memcmp(known->data, name, size) == 0)
            return i;
    }
    return BB_NO_SLOT;
}

const char *bb_contract_title(const bb_contract *contract)
{
    return contract->title;
}

const char *bb_contract_key_template(const bb_contract *contract)
{
    return contract->key_template;
}

const bb_wire *bb_contract_wire(const bb_contract *contract)
{
    return &contract->wire;
}

const uint32_t *bb_contract_personal(const bb_contract *contract, guint *ret_count)
{
    *ret_count = contract->personal_count;
    return contract->personal;
}
