/* Calls that do not return. */
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "app/supervisor_private.h"
#include "base/log.h"
#include "pipeline/policy.h"

/* Time that passed unwatched does not count: the whole machine, or this process, may have stood
 * still. */
enum { STEP_MAX_MS = 1000, SAY_GOODBYE_MS = 2000 };

static gint64 deadline_of(guint32 stage, const bb_worker_settings *settings)
{
    switch (stage) {
    case BUSBAR_STAGE_PARSE:
    case BUSBAR_STAGE_VALIDATE:
    case BUSBAR_STAGE_ENRICH:
        return settings->record_deadline_ms;
    default:
        return settings->call_deadline_ms;
    }
}

static void end_stuck(bb_child *child, guint index, gint64 now_ms)
{
    const bb_mark *mark = &child->contain->marks.marks[index];
    child->stuck_mark = (gint32)index;
    child->stuck_ms = child->watched[index].elapsed_ms;
    child->kill_at_ms = now_ms + SAY_GOODBYE_MS;
    bb_log_error("plugin %s %s, stage %s of %s, has not returned in %.1f s: worker %d is ended",
                 mark->plugin, mark->version, bb_stage_name(mark->stage), mark->event,
                 (double)child->stuck_ms / 1000, (int)child->pid);
    /* it may have died by itself meanwhile; otherwise the thread notes its stack and dies */
    (void)syscall(SYS_tgkill, child->pid, mark->thread, SIGABRT);
}

static gboolean is_stuck(bb_child *child, guint index, gint64 step_ms,
                         const bb_worker_settings *settings)
{
    const bb_mark *mark = &child->contain->marks.marks[index];
    bb_watched *watched = &child->watched[index];
    guint32 stage = __atomic_load_n(&mark->stage, __ATOMIC_RELAXED);
    guint32 serial = __atomic_load_n(&mark->serial, __ATOMIC_RELAXED);
    gint64 deadline_ms = deadline_of(stage, settings);
    if (!stage || serial != watched->serial || stage != watched->stage) {
        *watched = (bb_watched){serial, stage, 0};
        return FALSE;
    }
    watched->elapsed_ms += step_ms;
    return deadline_ms && watched->elapsed_ms >= deadline_ms;
}

void bb_supervisor_watch(bb_child *child, const bb_worker_settings *settings, gint64 now_ms)
{
    gint64 step_ms = MIN(now_ms - child->watched_at_ms, STEP_MAX_MS);
    guint used = MIN(__atomic_load_n(&child->contain->marks.used, __ATOMIC_RELAXED), BB_MARKS);
    child->watched_at_ms = now_ms;
    if (child->stuck_mark >= 0) {
        if (now_ms >= child->kill_at_ms)
            (void)kill(child->pid, SIGKILL); /* the signal is blocked there, or it hangs in it */
        return;
    }
    for (guint i = 0; i < used; i++) {
        if (is_stuck(child, i, step_ms, settings)) {
            end_stuck(child, i, now_ms);
            return;
        }
    }
}
