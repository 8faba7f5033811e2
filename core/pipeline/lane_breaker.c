/* What a lane asks and tells the breakers of its handlers. While they are closed that is one load
 * for each call. */
#include "pipeline/lane_private.h"

guint bb_lane_admit(bb_lane *lane, bb_work *task, gint64 now_ms)
{
    bb_breaker *breaker = bb_sink_breaker(g_ptr_array_index(lane->sinks, task->sink));
    if (G_LIKELY(!breaker || !bb_breaker_is_open(breaker)))
        return G_MAXUINT;
    return bb_breaker_admit(breaker, lane, now_ms, &task->due_ms);
}

void bb_lane_tell_breaker(bb_lane *lane, const bb_sink *sink, bb_call_kind kind,
                          const bb_fault *fault, gint64 now_ms)
{
    bb_breaker *breaker = bb_sink_breaker(sink);
    if (G_LIKELY(!breaker || (!fault && !bb_breaker_is_open(breaker))))
        return;
    gboolean switched =
        fault ? bb_breaker_failed(breaker, lane, kind, &lane->policy, now_ms, g_random_int())
              : bb_breaker_passed(breaker, lane, kind);
    if (switched && lane->ops->switched)
        lane->ops->switched(lane->user, bb_sink_name(sink), fault);
    /* what a flush has opened only a flush closes: this lane's, as it may call */
    lane->flush_soon |= !fault && kind == BB_CALL_HANDLE && !switched;
}
