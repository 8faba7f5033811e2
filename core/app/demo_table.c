/* The live table of the demo. */
#include "app/demo_table.h"

#include <stdio.h>
#include <unistd.h>

#include "app/command.h"

struct bb_demo_table {
    gboolean live;
    gboolean color;
    guint lines; /* drawn the last time */
};

bb_demo_table *bb_demo_table_new(void)
{
    bb_demo_table *table = g_new0(bb_demo_table, 1);
    table->live = isatty(STDOUT_FILENO);
    table->color = bb_app_color(STDOUT_FILENO);
    return table;
}

void bb_demo_table_free(bb_demo_table *table)
{
    g_free(table);
}

static void append_row(GString *out, const char *name, const guint64 values[6], gint64 lag)
{
    g_string_append_printf(out, "  %-30s", name);
    for (guint i = 0; i < 6; i++)
        g_string_append_printf(out, " %9" G_GUINT64_FORMAT, values[i]);
    if (lag < 0)
        g_string_append_printf(out, " %7s\n", "-");
    else
        g_string_append_printf(out, " %7" G_GINT64_FORMAT "\n", lag);
}

static GString *format(const bb_demo_table *table, const bb_demo_row *rows, guint count)
{
    guint64 sums[6] = {0};
    gint64 lag = 0;
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "%s  %-30s %9s %9s %9s %9s %9s %9s %7s%s\n",
                           table->color ? "\033[1m" : "", "event type", "published", "rejected",
                           "consumed", "handled", "dropped", "dead", "lag",
                           table->color ? "\033[0m" : "");
    for (guint i = 0; i < count; i++) {
        const bb_demo_row *row = &rows[i];
        const guint64 values[6] = {row->published + row->bypassed,
                                   row->rejected,
                                   row->run.consumed,
                                   row->run.handled,
                                   row->run.dropped,
                                   row->run.dead_lettered};
        append_row(out, row->type->full_name, values, row->run.lag);
        for (guint column = 0; column < 6; column++)
            sums[column] += values[column];
        lag += MAX(row->run.lag, 0);
    }
    append_row(out, "all", sums, lag);
    return out;
}

void bb_demo_table_draw(bb_demo_table *table, const bb_demo_row *rows, guint count, gboolean final)
{
    if (!table->live && !final)
        return;
    g_autoptr(GString) text = format(table, rows, count);
    if (table->lines)
        printf("\033[%uA\033[J",
               table->lines); /* back to the first line, and clear to the end of the screen */
    fputs(text->str, stdout);
    (void)fflush(stdout); /* a demo whose terminal is gone has nobody to tell */
    table->lines = count + 2;
}
