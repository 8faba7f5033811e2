/* Opens with the first failure, lets one lane probe at a time, closes with the first success. */
#include "pipeline/breaker.h"

#include "pipeline/monitor.h"

/* Those who wait look this often, so that they go on soon after it has closed. */
#define LOOK_MS 200

struct bb_breaker {
    gint references;
    gint open; /* written under the lock, read by anybody */
    bb_monitor lock;
    bb_call_kind kind; /* the last kind of call that failed */
    const void *prober;
    gint64 probe_at_ms; /* another lane may probe then */
    gint64 interval_ms;
    bb_breaker_status status;
};

bb_breaker *bb_breaker_new(void)
{
    bb_breaker *breaker = g_new0(bb_breaker, 1);
    breaker->references = 1;
    bb_monitor_init(&breaker->lock);
    return breaker;
}

bb_breaker *bb_breaker_ref(bb_breaker *breaker)
{
    if (breaker)
        g_atomic_int_inc(&breaker->references);
    return breaker;
}

void bb_breaker_unref(bb_breaker *breaker)
{
    if (!breaker || !g_atomic_int_dec_and_test(&breaker->references))
        return;
    bb_monitor_clear(&breaker->lock);
    g_free(breaker);
}

gboolean bb_breaker_is_open(const bb_breaker *breaker)
{
    return __atomic_load_n(&breaker->open, __ATOMIC_RELAXED) != 0;
}

static void set_open(bb_breaker *breaker, gboolean open)
{
    breaker->status.open = open;
    __atomic_store_n(&breaker->open, open, __ATOMIC_RELAXED);
}

guint bb_breaker_admit(bb_breaker *breaker, const void *lane, gint64 now_ms, gint64 *ret_again_ms)
{
    guint admitted = G_MAXUINT;
    bb_monitor_lock(&breaker->lock);
    if (breaker->status.open) {
        if (now_ms >= breaker->probe_at_ms && breaker->prober != lane) {
            breaker->prober = lane;
            breaker->probe_at_ms = now_ms + breaker->interval_ms;
        }
        if (breaker->prober != lane) {
            admitted = 0;
            *ret_again_ms = CLAMP(breaker->probe_at_ms, now_ms + 1, now_ms + LOOK_MS);
        } else if (breaker->kind != BB_CALL_FLUSH) { /* else all that was lost is handed again */
            admitted = 1;
        }
    }
    bb_monitor_unlock(&breaker->lock);
    return admitted;
}

gboolean bb_breaker_failed(bb_breaker *breaker, const void *lane, bb_call_kind kind,
                           const bb_policy *policy, gint64 now_ms, guint32 random)
{
    bb_breaker_status *status = &breaker->status;
    bb_monitor_lock(&breaker->lock);
    gboolean opens = !status->open;
    if (opens) {
        status->opened++;
        status->failures = 0;
        status->since_ms = now_ms;
        breaker->kind = kind;
        set_open(breaker, TRUE);
    }
    /* calls that had begun before it opened are no probes */
    if (opens || breaker->prober == lane) {
        status->failures++;
        breaker->kind = MAX(breaker->kind, kind);
        breaker->interval_ms = bb_policy_backoff_ms(policy, status->failures, random);
        breaker->probe_at_ms = now_ms + breaker->interval_ms;
        breaker->prober = NULL;
    }
    bb_monitor_unlock(&breaker->lock);
    return opens;
}

gboolean bb_breaker_passed(bb_breaker *breaker, const void *lane, bb_call_kind kind)
{
    bb_monitor_lock(&breaker->lock);
    gboolean closes = breaker->status.open && breaker->prober == lane && kind >= breaker->kind;
    if (closes) {
        breaker->prober = NULL;
        breaker->status.failures = 0;
        set_open(breaker, FALSE);
    }
    bb_monitor_unlock(&breaker->lock);
    return closes;
}

bb_breaker_status bb_breaker_read(bb_breaker *breaker)
{
    bb_monitor_lock(&breaker->lock);
    bb_breaker_status status = breaker->status;
    bb_monitor_unlock(&breaker->lock);
    return status;
}
