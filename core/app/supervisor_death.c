/* Judging the death of a worker by what it left in its memory. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "app/supervisor_private.h"
#include "base/log.h"
#include "pipeline/policy.h"

static void name_signal(int number, char *text, gsize size)
{
    const char *name = sigabbrev_np(number);
    if (name)
        g_snprintf(text, size, "SIG%s", name);
    else
        g_snprintf(text, size, "signal %d", number);
}

/* How it came about, for `what` and `signal`. */
static void describe(const bb_child *child, bb_death *death)
{
    const bb_mark_note *note = &child->contain->marks.note;
    char name[32];
    if (child->stuck_mark >= 0) {
        g_strlcpy(death->signal, "deadline", sizeof(death->signal));
        g_snprintf(death->what, sizeof(death->what),
                   "was ended, as a call had not returned in %.1f s,",
                   (double)child->stuck_ms / 1000);
    } else if (WIFSIGNALED(death->status)) {
        name_signal(WTERMSIG(death->status), name, sizeof(name));
        g_strlcpy(death->signal, name, sizeof(death->signal));
        g_snprintf(death->what, sizeof(death->what), "was killed by %s", name);
    } else {
        g_strlcpy(death->signal, "exit", sizeof(death->signal));
        if (note->taken && note->exited)
            g_strlcpy(death->what, "was ended by a call of exit", sizeof(death->what));
        else
            g_snprintf(death->what, sizeof(death->what), "ended with status %d without a word",
                       WEXITSTATUS(death->status));
    }
}

static void append_records(GString *out, const bb_mark *mark)
{
    bb_mark_ranges ranges;
    bb_mark_read(mark, &ranges);
    g_string_append_printf(out, "topic %s", mark->topic);
    if (!ranges.count)
        g_string_append(out, ", no record");
    for (guint i = 0; i < ranges.count; i++) {
        const bb_mark_range *range = &ranges.at[i];
        g_string_append(out, i ? "; " : ", ");
        if (range->partition >= 0)
            g_string_append_printf(out, "partition %d ", range->partition);
        g_string_append_printf(out, "offset %" G_GINT64_FORMAT, range->first);
        if (range->count > 1)
            g_string_append_printf(out, " to %" G_GINT64_FORMAT " (%u records)", range->last,
                                   range->count);
    }
}

static void say(const bb_contain *contain, const bb_death *death, const bb_mark *mark)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, "worker %d %s", (int)contain->pid, death->what);
    if (mark) {
        g_string_append_printf(text, " in plugin %s %s, stage %s of %s: ", mark->plugin,
                               mark->version, bb_stage_name(mark->stage), mark->event);
        append_records(text, mark);
    }
    bb_log_error("%s", text->str);
}

/* One line per frame, so that a log can be read. */
static void say_stack(const bb_mark_note *note)
{
    g_auto(GStrv) lines = g_strsplit(note->stack, "\n", -1);
    for (guint i = 0; lines[i] && *lines[i]; i++)
        bb_log_error("  #%u %s", i, lines[i]);
}

static gboolean blame(bb_child *child, const bb_death *death, const bb_mark *mark, gboolean sure)
{
    bb_contain *contain = child->contain;
    gboolean outside =
        child->stuck_mark < 0 && WIFSIGNALED(death->status) && WTERMSIG(death->status) == SIGKILL;
    g_autofree char *reason =
        g_strdup_printf("the record ended its worker more than once: the worker %s in plugin %s "
                        "%s, stage %s",
                        death->what, mark->plugin, mark->version, bb_stage_name(mark->stage));
    const bb_suspicion suspicion = {outside ? BB_SUSPECT_KILLED : BB_SUSPECT_CRASHED, sure,
                                    death->signal, reason,
                                    contain->marks.note.complete ? contain->marks.note.stack : ""};
    if (!bb_suspects_blame(&contain->suspects, mark, &suspicion))
        return FALSE;
    g_autoptr(GString) records = g_string_new(NULL);
    append_records(records, mark);
    bb_log_error("%s: it goes to the dead letters unless its plugin is stopped", records->str);
    return TRUE;
}

/* The mark that is known to be the cause; NULL: it may be any that is at work. */
static const bb_mark *find_cause(const bb_child *child)
{
    const bb_contain *contain = child->contain;
    const bb_mark_note *note = &contain->marks.note;
    const bb_mark *only = NULL;
    guint busy = 0;
    if (child->stuck_mark >= 0) {
        only = &contain->marks.marks[child->stuck_mark];
        /* else it has returned after all, and something else was in hand at the end */
        return only->serial == child->watched[child->stuck_mark].serial ? only : NULL;
    }
    if (note->taken && note->mark >= 0)
        return &contain->marks.marks[note->mark];
    for (guint i = 0; i < contain->marks.used; i++) {
        if (!contain->marks.marks[i].stage)
            continue;
        only = &contain->marks.marks[i];
        busy++;
    }
    return busy == 1 ? only : NULL;
}

/* Nobody knows which of the calls did it: all are suspects, and the next worker makes one call at a
 * time until that is clear. */
static void blame_all(bb_child *child, bb_death *death)
{
    bb_contain *contain = child->contain;
    for (guint i = 0; i < contain->marks.used; i++) {
        const bb_mark *mark = &contain->marks.marks[i];
        if (!mark->stage)
            continue;
        death->blamed |= mark->stage != BUSBAR_STAGE_SETUP;
        (void)blame(child, death, mark, FALSE); /* it cannot condemn: it is not sure */
    }
    contain->marks.careful = death->blamed;
}

void bb_supervisor_judge(bb_child *child, bb_death *death)
{
    const bb_contain *contain = child->contain;
    const bb_mark_note *note = &contain->marks.note;
    describe(child, death);
    death->mark = find_cause(child);
    say(contain, death, death->mark);
    if (note->complete)
        say_stack(note);
    if (!death->mark) {
        blame_all(child, death);
        return;
    }
    death->blamed = death->mark->stage != BUSBAR_STAGE_SETUP; /* no record was in hand */
    death->condemned = blame(child, death, death->mark, TRUE);
}
