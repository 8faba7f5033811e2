/* Registry of counters, gauges and histograms. */
#include "base/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { COUNTER = 1, GAUGE = 2, HISTOGRAM = 3, BUCKETS = 14, NUMBERS = 2048 };

static const double bucket_bounds[BUCKETS] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                              0.025,  0.05,    0.1,    0.25,  0.5,    1,     5};

struct bb_metric {
    guint kind;
    gint32 number;
    char *labels;
    _Atomic double value; /* counter, gauge; sum of a histogram */
    atomic_ullong count;
    atomic_ullong buckets[BUCKETS];
};

typedef struct family {
    guint kind;
    char *name;
    char *help;
    GPtrArray *series;
} family;

struct bb_metrics {
    pthread_mutex_t lock; /* not GMutex: the thread sanitizer understands this one */
    GPtrArray *families;  /* in the order of registration */
    gint32 count;         /* numbers given */
    _Atomic(bb_metric *) numbered[NUMBERS];
};

static void metric_free(gpointer data)
{
    bb_metric *metric = data;
    g_free(metric->labels);
    g_free(metric);
}

static void family_free(gpointer data)
{
    family *entry = data;
    g_ptr_array_unref(entry->series);
    g_free(entry->name);
    g_free(entry->help);
    g_free(entry);
}

bb_metrics *bb_metrics_new(void)
{
    bb_metrics *metrics = g_new0(bb_metrics, 1);
    (void)pthread_mutex_init(&metrics->lock, NULL); /* cannot fail without attributes */
    metrics->families = g_ptr_array_new_with_free_func(family_free);
    return metrics;
}

void bb_metrics_free(bb_metrics *metrics)
{
    if (!metrics)
        return;
    g_ptr_array_unref(metrics->families);
    (void)pthread_mutex_destroy(&metrics->lock); /* nobody holds it */
    g_free(metrics);
}

static gboolean name_is_good(const char *name)
{
    return name && *name && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name) &&
           !g_ascii_isdigit(*name);
}

static family *find_family(bb_metrics *metrics, guint kind, const char *name, const char *help)
{
    for (guint i = 0; i < metrics->families->len; i++) {
        family *entry = metrics->families->pdata[i];
        if (strcmp(entry->name, name) == 0)
            return entry->kind == kind ? entry : NULL;
    }
    family *entry = g_new0(family, 1);
    entry->kind = kind;
    entry->name = g_strdup(name);
    entry->help = g_strdup(help ? help : "");
    entry->series = g_ptr_array_new_with_free_func(metric_free);
    g_ptr_array_add(metrics->families, entry);
    return entry;
}

static void give_number(bb_metrics *metrics, bb_metric *metric)
{
    metric->number = metrics->count < NUMBERS ? metrics->count++ : -1;
    if (metric->number >= 0)
        atomic_store_explicit(&metrics->numbered[metric->number], metric, memory_order_release);
}

static bb_metric *find_series(bb_metrics *metrics, family *entry, const char *labels)
{
    for (guint i = 0; i < entry->series->len; i++) {
        bb_metric *metric = entry->series->pdata[i];
        if (g_strcmp0(metric->labels, labels) == 0)
            return metric;
    }
    bb_metric *metric = g_new0(bb_metric, 1);
    metric->kind = entry->kind;
    metric->labels = g_strdup(labels);
    g_ptr_array_add(entry->series, metric);
    give_number(metrics, metric);
    return metric;
}

bb_metric *bb_metrics_get(bb_metrics *metrics, guint kind, const char *name, const char *labels,
                          const char *help)
{
    if (!name_is_good(name) || kind < COUNTER || kind > HISTOGRAM)
        return NULL;
    (void)pthread_mutex_lock(&metrics->lock);
    family *entry = find_family(metrics, kind, name, help);
    bb_metric *metric = entry ? find_series(metrics, entry, labels) : NULL;
    (void)pthread_mutex_unlock(&metrics->lock);
    return metric;
}

gint32 bb_metric_number(const bb_metric *metric)
{
    return metric ? metric->number : -1;
}

bb_metric *bb_metrics_at(const bb_metrics *metrics, gint32 number)
{
    if (number < 0 || number >= NUMBERS)
        return NULL;
    return atomic_load_explicit(&metrics->numbered[number], memory_order_acquire);
}

static void add(_Atomic double *target, double value)
{
    double seen = atomic_load_explicit(target, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(target, &seen, seen + value, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

void bb_metric_record(bb_metric *metric, double value)
{
    if (!metric)
        return;
    if (metric->kind == GAUGE) {
        atomic_store_explicit(&metric->value, value, memory_order_relaxed);
        return;
    }
    add(&metric->value, value);
    if (metric->kind != HISTOGRAM)
        return;
    atomic_fetch_add_explicit(&metric->count, 1, memory_order_relaxed);
    for (guint i = 0; i < BUCKETS; i++) {
        if (value <= bucket_bounds[i]) {
            atomic_fetch_add_explicit(&metric->buckets[i], 1, memory_order_relaxed);
            return;
        }
    }
}

double bb_metric_value(const bb_metric *metric)
{
    if (!metric)
        return 0;
    if (metric->kind == HISTOGRAM)
        return (double)atomic_load_explicit(&metric->count, memory_order_relaxed);
    return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

static void append_number(GString *out, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    if (isnan(value))
        g_string_append(out, "NaN\n");
    else if (isinf(value))
        g_string_append(out, value > 0 ? "+Inf\n" : "-Inf\n");
    else
        g_string_append_printf(out, "%s\n", g_ascii_dtostr(text, sizeof(text), value));
}

static void append_histogram(GString *out, const family *entry, bb_metric *metric)
{
    const char *labels = metric->labels ? metric->labels : "";
    const char *comma = *labels ? "," : "";
    unsigned long long seen = 0;
    for (guint i = 0; i < BUCKETS; i++) {
        seen += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        g_string_append_printf(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", entry->name, labels, comma,
                               bucket_bounds[i], seen);
    }
    unsigned long long count = atomic_load_explicit(&metric->count, memory_order_relaxed);
    g_string_append_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", entry->name, labels, comma,
                           count);
    g_string_append_printf(out, *labels ? "%s_sum{%s} " : "%s_sum%s ", entry->name, labels);
    append_number(out, atomic_load_explicit(&metric->value, memory_order_relaxed));
    g_string_append_printf(out, *labels ? "%s_count{%s} " : "%s_count%s ", entry->name, labels);
    g_string_append_printf(out, "%llu\n", count);
}

static void append_family(GString *out, const family *entry)
{
    static const char *const kinds[] = {"", "counter", "gauge", "histogram"};
    g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n", entry->name, entry->help,
                           entry->name, kinds[entry->kind]);
    for (guint i = 0; i < entry->series->len; i++) {
        bb_metric *metric = entry->series->pdata[i];
        if (entry->kind == HISTOGRAM) {
            append_histogram(out, entry, metric);
            continue;
        }
        g_string_append(out, entry->name);
        if (metric->labels)
            g_string_append_printf(out, "{%s}", metric->labels);
        g_string_append_c(out, ' ');
        append_number(out, bb_metric_value(metric));
    }
}

GString *bb_metrics_text(bb_metrics *metrics)
{
    GString *out = g_string_new(NULL);
    (void)pthread_mutex_lock(&metrics->lock);
    for (guint i = 0; i < metrics->families->len; i++)
        append_family(out, metrics->families->pdata[i]);
    (void)pthread_mutex_unlock(&metrics->lock);
    return out;
}
