/* Runs a lane on a thread. */
#include "pipeline/worker.h"

#include "base/clock.h"
#include "pipeline/monitor.h"

struct bb_worker {
    bb_lane *lane;
    char *name;
    gboolean threaded;
    GThread *thread;
    bb_monitor monitor; /* guards what follows */
    bb_batch_queue incoming;
    gboolean draining;
    gboolean stopping;
    gint64 forget_before;
    gboolean news; /* any of the above has changed */
};

bb_worker *bb_worker_new(bb_lane *lane, const char *name, gboolean threaded)
{
    bb_worker *worker = g_new0(bb_worker, 1);
    worker->lane = lane;
    worker->name = g_strdup(name);
    worker->threaded = threaded;
    bb_monitor_init(&worker->monitor);
    return worker;
}

/* Hands what came in to the lane; locked. FALSE when the worker is to end. */
static gboolean take_news(bb_worker *worker)
{
    bb_batch *batch;
    while ((batch = bb_batch_queue_pop(&worker->incoming)))
        bb_lane_take(worker->lane, batch);
    if (worker->news) {
        bb_lane_set_draining(worker->lane, worker->draining);
        bb_lane_forget(worker->lane, worker->forget_before);
        worker->news = FALSE;
    }
    return !worker->stopping;
}

static gpointer run(gpointer data)
{
    bb_worker *worker = data;
    bb_monitor_lock(&worker->monitor);
    while (take_news(worker)) {
        bb_monitor_unlock(&worker->monitor);
        gint64 now = bb_clock_monotonic_ms();
        gint64 due = bb_lane_step(worker->lane, now);
        bb_monitor_lock(&worker->monitor);
        if (worker->news || worker->incoming.first || (due >= 0 && due <= now))
            continue;
        bb_monitor_wait(&worker->monitor, due < 0 ? -1 : due - now);
    }
    bb_monitor_unlock(&worker->monitor);
    bb_lane_close(worker->lane);
    return NULL;
}

void bb_worker_start(bb_worker *worker)
{
    if (worker->threaded)
        worker->thread = g_thread_new(worker->name, run, worker);
}

gint64 bb_worker_tick(bb_worker *worker)
{
    if (worker->threaded)
        return -1;
    if (!take_news(worker))
        return -1;
    for (;;) {
        gint64 now = bb_clock_monotonic_ms();
        gint64 due = bb_lane_step(worker->lane, now);
        if (due < 0 || due > now)
            return due < 0 ? -1 : due - now;
    }
}

void bb_worker_push(bb_worker *worker, bb_batch *batch)
{
    if (!worker->threaded) {
        bb_batch_queue_push(&worker->incoming, batch);
        (void)bb_worker_tick(worker); /* the owner ticks again anyway */
        return;
    }
    bb_monitor_lock(&worker->monitor);
    gboolean first = !worker->incoming.first;
    bb_batch_queue_push(&worker->incoming, batch);
    bb_monitor_unlock(&worker->monitor);
    if (first) /* else it was woken for the one before */
        bb_monitor_wake(&worker->monitor);
}

static void change(bb_worker *worker, gboolean draining, gint64 forget_before, gboolean stopping)
{
    bb_monitor_lock(&worker->monitor);
    worker->draining = draining;
    worker->forget_before = forget_before;
    worker->stopping = stopping;
    worker->news = TRUE;
    bb_monitor_unlock(&worker->monitor);
    bb_monitor_wake(&worker->monitor);
}

/* The three are written by the owner's thread alone, so it may read them without the lock. */
void bb_worker_set_draining(bb_worker *worker, gboolean draining)
{
    change(worker, draining, worker->forget_before, worker->stopping);
}

void bb_worker_forget(bb_worker *worker, gint64 epoch)
{
    change(worker, worker->draining, epoch, worker->stopping);
}

void bb_worker_stop(bb_worker *worker)
{
    change(worker, worker->draining, worker->forget_before, TRUE);
    if (!worker->thread)
        bb_lane_close(worker->lane);
}

void bb_worker_free(bb_worker *worker)
{
    if (!worker)
        return;
    if (worker->thread) {
        bb_worker_stop(worker);
        g_thread_join(worker->thread);
    }
    bb_batch *batch;
    while ((batch = bb_batch_queue_pop(&worker->incoming)))
        bb_batch_release(batch);
    bb_lane_free(worker->lane);
    bb_monitor_clear(&worker->monitor);
    g_free(worker->name);
    g_free(worker);
}
