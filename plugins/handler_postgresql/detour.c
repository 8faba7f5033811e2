/* Counts the flushes of a detour. */
#include "detour.h"

void pg_detour_take(pg_detour *detour)
{
    unsigned length = detour->length ? detour->length * 2 : 1;
    detour->length = length < PG_DETOUR_MAX ? length : PG_DETOUR_MAX;
    detour->left = detour->length;
}

void pg_detour_take_longest(pg_detour *detour)
{
    *detour = (pg_detour){PG_DETOUR_MAX, PG_DETOUR_MAX};
}

void pg_detour_flushed(pg_detour *detour)
{
    if (detour->left)
        detour->left--;
    else
        detour->length /= 2;
}
