/* An event type as the pipeline uses it: contract, vtable, wire form and bound handlers, resolved
 * from plugin and settings. Made by the registry (core/plugin), immutable afterwards, shared by all
 * threads. */
#ifndef BB_EVENT_TYPE_H
#define BB_EVENT_TYPE_H

#include <busbar/plugin.h>

#include "config/settings.h"
#include "contract/contract.h"
#include "pipeline/breaker.h"

/* A handler bound to an event type. */
typedef struct bb_handler_binding {
    char *name;   /* in the configuration */
    char *plugin; /* name of the plugin */
    char *plugin_version;
    uint32_t capabilities;
    busbar_handler_ops ops; /* members that an older plugin lacks are NULL */
    int32_t (*storage)(busbar_call *call, busbar_bytes config, busbar_bytes request,
                       busbar_bytes *ret_reply); /* NULL: nothing to make */
    char *handler;                               /* its name in the plugin */
    const struct busbar_places_v1 *places;       /* NULL: it does not say where it stands */
    char *config;                                /* JSON text for `open` */
    bb_breaker *breaker; /* shared by all that use this handler; NULL: there is none */
} bb_handler_binding;

typedef struct bb_event_type {
    char *full_name; /* "customer.user_event" */
    char *domain;
    char *name;
    char *topic;
    char *group;
    char *dead_letter_topic;
    char *plugin; /* name of the plugin, "generic" for a schema alone */
    char *plugin_version;
    bb_contract *contract;
    busbar_event_ops ops; /* members that are not there are NULL */
    int32_t (*create)(busbar_call *call, busbar_bytes config, void **ret_self);
    void (*destroy)(void *self);
    char *config;            /* JSON text for `create`, or NULL */
    const busbar_host *host; /* the services */
    bb_wire wire;            /* contract and settings merged */
    char *key_template;      /* merged; NULL: no key */
    const bb_event_settings *settings;
    struct bb_dedup *dedup; /* shared by its lanes; NULL: off */
    GPtrArray *handlers;    /* bb_handler_binding * */
    GPtrArray *tiers;       /* struct bb_event_type *: its retry topics, each as an event type that
                               differs in topic, group and settings; NULL: there are none */
    /* of one of these: */
    const struct bb_event_type *source; /* the event type that it belongs to; else NULL */
    guint tier;                         /* its number, from 1; else 0 */
    gint64 tier_delay_ms;
    const char *mark_name; /* what marks and suspects call it; NULL: full_name */
} bb_event_type;

static inline const char *bb_event_type_mark_name(const bb_event_type *type)
{
    return type->mark_name ? type->mark_name : type->full_name;
}

/* The retry topic that a record goes to from here; NULL: there is no other. */
static inline const bb_event_type *bb_event_type_next_tier(const bb_event_type *type)
{
    const GPtrArray *tiers = type->source ? type->source->tiers : type->tiers;
    return tiers && type->tier < tiers->len
               ? (const bb_event_type *)g_ptr_array_index(tiers, type->tier)
               : NULL;
}

#endif
