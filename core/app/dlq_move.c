/* `busbar dlq redrive` and `park`: what is moved, and the account of it. */
#include <stdio.h>

#include "app/command.h"
#include "app/dlq.h"
#include "app/progress.h"
#include "base/text.h"
#include "kafka/dlq_mover.h"

/* Records told one by one: of a dry run, and of those that were refused. */
#define TOLD_RECORDS 20

typedef struct accounting {
    const bb_dlq_job *job;
    const bb_event_type *type;
    const bb_dlq_move *move;
    bb_progress *progress;
    gboolean parks;
    guint told;
    guint64 total;
} accounting;

/* Which of the dead letters are meant. */
static const char *range_text(const bb_dlq_move *move, gboolean resumed)
{
    if (!bb_dlq_move_remembers(move))
        return "from the beginning on";
    return resumed ? "behind those of earlier runs"
                   : "from the beginning on, as no progress of an earlier run is kept";
}

static void start(gboolean exists, guint64 total, gboolean resumed, void *user)
{
    accounting *account = user;
    account->total = total;
    (void)fprintf(stderr, "%s%s: %" G_GUINT64_FORMAT " dead letters %s, %s%s%s\n",
                  account->job->dry_run ? "dry run, nothing is changed; " : "",
                  account->move->topic, total, range_text(account->move, resumed),
                  account->parks ? "to be put aside in " : "to go back to where they came from",
                  account->parks ? account->move->parked_topic : "",
                  exists ? "" : " (no such topic)");
    if (!account->job->dry_run && total > 0)
        account->progress = bb_progress_new(account->parks ? "parking" : "sending back");
}

static const char *action_text(bb_dlq_action action)
{
    switch (action) {
    case BB_DLQ_SEND_BACK:
        return "would go to";
    case BB_DLQ_PARK:
        return "would be put aside in";
    case BB_DLQ_REFUSE:
        return "is refused";
    case BB_DLQ_LEAVE:
    default:
        return "";
    }
}

static void tell(const bb_dlq_record *record, bb_dlq_action action, const char *target,
                 const char *why, void *user)
{
    accounting *account = user;
    gboolean is_told = account->job->dry_run ? action != BB_DLQ_LEAVE : action == BB_DLQ_REFUSE;
    if (!is_told || account->told++ >= TOLD_RECORDS)
        return;
    bb_progress_free(account->progress);
    account->progress = NULL;
    const char *from = record->fields[BB_DLQ_TOPIC];
    (void)fprintf(stderr, "%d:%" G_GINT64_FORMAT "%s%s %s%s%s%s%s%s\n", record->partition,
                  record->offset, *from ? " from " : "", from, action_text(action),
                  target ? " " : "", target ? target : "", why ? " (" : "", why ? why : "",
                  why ? ")" : "");
}

static void advance(const bb_dlq_counts *counts, guint64 total, void *user)
{
    accounting *account = user;
    bb_progress_update(account->progress, counts->read, counts->refused, total);
}

static void print_json(const accounting *account, const bb_dlq_counts *counts, gboolean complete)
{
    g_autoptr(GString) line = g_string_new("{\"event\":");
    bb_text_append_json(line, account->type->full_name, strlen(account->type->full_name));
    g_string_append(line, ",\"topic\":");
    bb_text_append_json(line, account->move->topic, strlen(account->move->topic));
    g_string_append_printf(
        line,
        ",\"dry_run\":%s,\"total\":%" G_GUINT64_FORMAT ",\"read\":%" G_GUINT64_FORMAT
        ",\"left\":%" G_GUINT64_FORMAT ",\"sent\":%" G_GUINT64_FORMAT
        ",\"parked\":%" G_GUINT64_FORMAT ",\"refused\":%" G_GUINT64_FORMAT ",\"complete\":%s}",
        account->job->dry_run ? "true" : "false", account->total, counts->read, counts->left,
        counts->sent, counts->parked, counts->refused, complete ? "true" : "false");
    puts(line->str);
}

static void print_refused(const accounting *account, const bb_dlq_counts *counts)
{
    if (counts->refused > 0)
        (void)fprintf(stderr,
                      "what is refused stays where it is%s; --allow-target lets it go back to its "
                      "topic, --park-refused puts it aside in %s\n",
                      bb_dlq_move_remembers(account->move)
                          ? ", and so does what is behind it in its partition"
                          : "",
                      account->move->parked_topic);
}

static void print_summary(const accounting *account, const bb_dlq_counts *counts, gboolean stopped)
{
    gboolean dry = account->job->dry_run;
    if (account->told > TOLD_RECORDS)
        (void)fprintf(stderr, "... and %u more\n", account->told - TOLD_RECORDS);
    (void)fprintf(stderr,
                  "%s: %" G_GUINT64_FORMAT " %ssent back, %" G_GUINT64_FORMAT
                  " %sput aside, %" G_GUINT64_FORMAT " refused, %" G_GUINT64_FORMAT
                  " left as they do not match%s\n",
                  account->move->topic, counts->sent, dry ? "would be " : "", counts->parked,
                  dry ? "would be " : "", counts->refused, counts->left,
                  stopped ? "; stopped by a signal" : "");
    print_refused(account, counts);
    if (!dry && !bb_dlq_move_remembers(account->move) && counts->sent + counts->parked > 0)
        (void)fprintf(stderr, "with filters no progress is kept: the same command would move these "
                              "dead letters again\n");
}

static GHashTable *collect_targets(const bb_dlq_job *job)
{
    GHashTable *targets = g_hash_table_new(g_str_hash, g_str_equal);
    const bb_registry *registry = job->session->registry;
    for (guint i = 0; i < bb_registry_count(registry); i++)
        g_hash_table_add(targets, bb_registry_at(registry, i)->topic);
    for (char **topic = job->allow; topic && *topic; topic++)
        g_hash_table_add(targets, *topic);
    return targets;
}

static int run_move(accounting *account, const bb_dlq_move *move)
{
    GError *error = NULL;
    bb_dlq_counts counts;
    gboolean good = bb_dlq_move_run(move, &counts, &error);
    bb_progress_free(account->progress);
    gboolean stopped = g_atomic_int_get(move->stop) > 0;
    print_summary(account, &counts, stopped);
    if (account->job->json)
        print_json(account, &counts, good && !stopped);
    if (!good)
        return bb_app_fail(error);
    gboolean is_odd = counts.refused > 0 || (!account->parks && counts.parked > 0);
    return is_odd ? BB_EXIT_REFUSED : BB_EXIT_DONE;
}

static int start_move(const bb_dlq_job *job, gboolean parks)
{
    int code = BB_EXIT_USAGE;
    const bb_event_type *type = bb_session_event(job->session, job->names[0], &code);
    if (!type)
        return code;
    if (!type->dead_letter_topic)
        return bb_app_usage("dlq", "%s has no dead letter topic", type->full_name);
    g_autoptr(GHashTable) targets = collect_targets(job);
    g_autofree char *parked_topic = g_strconcat(type->topic, ".parked", NULL);
    accounting account = {.job = job, .type = type, .parks = parks};
    const bb_dlq_move move = {
        .settings = job->session->settings,
        .plan = {job->filter, parks, job->park_refused, targets},
        .topic = type->dead_letter_topic,
        .parked_topic = parked_topic,
        .create = type->settings->dead_letter_create,
        .only_partition = job->only_partition,
        .only_offset = job->only_offset,
        .dry_run = job->dry_run,
        .max = (guint64)MAX(job->max, 0),
        .rate = job->rate,
        .timeout_ms = job->timeout_ms,
        .stop = job->stop,
        .on_start = start,
        .on_record = tell,
        .on_progress = advance,
        .user = &account,
    };
    account.move = &move;
    return run_move(&account, &move);
}

int bb_dlq_redrive(const bb_dlq_job *job)
{
    return start_move(job, /* parks= */ FALSE);
}

int bb_dlq_park(const bb_dlq_job *job)
{
    return start_move(job, /* parks= */ TRUE);
}
