/* Numbers for the generator that depend on nothing but their seed. */
#include "app/generate_private.h"

/* splitmix64, by Sebastiano Vigna, public domain: one step and its output function. */
guint64 bb_dice_mix(guint64 value)
{
    value = (value ^ (value >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

guint64 bb_dice_next(guint64 *dice)
{
    *dice += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    return bb_dice_mix(*dice);
}

guint64 bb_dice_below(guint64 *dice, guint64 bound)
{
    return bound ? bb_dice_next(dice) % bound : 0;
}

gboolean bb_dice_percent(guint64 *dice, guint percent)
{
    return bb_dice_below(dice, 100) < percent;
}
