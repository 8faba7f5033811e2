/* The engine alone, on a corpus of user events, against jansson doing the same work.
 *   bench_engine CONFIG EVENT CORPUS ROUNDS     prints JSON: microseconds of CPU and allocations
 * per event, median of the rounds "same checks" on the jansson side: presence, type, format,
 * enumeration and length of every member of the contract, by hand. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "contract/canonical.h"
#include "contract/format.h"
#include "pipeline/processor.h"
#include "plugin/registry.h"

/* Allocations of this process, counted by interposing the allocator of the C library. */
extern void *__libc_malloc(size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_calloc(size_t count, size_t size);
static atomic_ullong allocations;
#define EXPORTED __attribute__((visibility("default")))

EXPORTED void *malloc(size_t size)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return __libc_malloc(size);
}

EXPORTED void *realloc(void *memory, size_t size)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return __libc_realloc(memory, size);
}

EXPORTED void *calloc(size_t count, size_t size)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return __libc_calloc(count, size);
}

typedef struct corpus {
    char **lines;
    size_t *sizes;
    size_t count;
} corpus;

typedef struct sample {
    double us;
    double allocations;
} sample;

static double cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static corpus read_corpus(const char *path)
{
    corpus all = {0};
    FILE *in = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    if (!in) {
        perror(path);
        exit(2);
    }
    while ((size = getline(&line, &room, in)) > 1) {
        all.lines = g_renew(char *, all.lines, all.count + 1);
        all.sizes = g_renew(size_t, all.sizes, all.count + 1);
        all.lines[all.count] = g_strndup(line, (size_t)size - 1);
        all.sizes[all.count++] = (size_t)size - 1;
    }
    free(line);
    fclose(in);
    return all;
}

/* One check of the jansson side. */
typedef struct rule {
    const char *name;
    int type; /* json_type */
    gboolean required, nullable;
    bb_format_fn format;
    bb_lax lax;
    size_t max_length;
    const char *const *values;
} rule;

static const char *const event_types[] = {"article_view",
                                          "article_click",
                                          "video_play",
                                          "newsletter_signup",
                                          "subscription_prompt",
                                          "ad_click",
                                          "search",
                                          "navigation",
                                          "session_end",
                                          "comment",
                                          "share",
                                          "page_view",
                                          "scroll",
                                          NULL};

static rule rules[] = {
    {"company_id", JSON_STRING, TRUE, FALSE, NULL, BB_LAX_NONE, 0, NULL},
    {"brand_id", JSON_STRING, TRUE, FALSE, NULL, BB_LAX_NONE, 0, NULL},
    {"metadata", JSON_OBJECT, FALSE, FALSE, NULL, BB_LAX_NONE, 0, NULL},
    {"created_at", JSON_STRING, FALSE, FALSE, NULL, BB_LAX_NONE, 0, NULL},
    {"updated_at", JSON_STRING, FALSE, TRUE, NULL, BB_LAX_NONE, 0, NULL},
    {"id", JSON_STRING, FALSE, TRUE, NULL, BB_LAX_NONE, 0, NULL},
    {"event_id", JSON_STRING, FALSE, TRUE, NULL, BB_LAX_NONE, 0, NULL},
    {"user_id", JSON_STRING, TRUE, FALSE, NULL, BB_LAX_NONE, 0, NULL},
    {"session_id", JSON_STRING, TRUE, FALSE, NULL, BB_LAX_NONE, 0, NULL},
    {"event_type", JSON_STRING, TRUE, FALSE, NULL, BB_LAX_NONE, 0, event_types},
    {"event_timestamp", JSON_STRING, FALSE, TRUE, NULL, BB_LAX_NONE, 0, NULL},
    {"article_id", JSON_STRING, FALSE, TRUE, NULL, BB_LAX_NONE, 0, NULL},
    {"article_title", JSON_STRING, FALSE, TRUE, NULL, BB_LAX_NONE, 500, NULL},
    {"article_type", JSON_STRING, FALSE, TRUE, NULL, BB_LAX_NONE, 0, NULL},
    {"category_id", JSON_STRING, FALSE, TRUE, NULL, BB_LAX_NONE, 0, NULL},
    {"page_url", JSON_STRING, FALSE, TRUE, NULL, BB_LAX_NONE, 1000, NULL},
    {"country_code", JSON_STRING, FALSE, TRUE, NULL, BB_LAX_NONE, 2, NULL},
    {"city_id", JSON_STRING, FALSE, TRUE, NULL, BB_LAX_NONE, 0, NULL},
    {"timezone", JSON_STRING, FALSE, TRUE, NULL, BB_LAX_NONE, 0, NULL},
    {"device_type_id", JSON_STRING, FALSE, TRUE, NULL, BB_LAX_NONE, 0, NULL},
    {"os_id", JSON_STRING, FALSE, TRUE, NULL, BB_LAX_NONE, 0, NULL},
    {"browser_id", JSON_STRING, FALSE, TRUE, NULL, BB_LAX_NONE, 0, NULL},
    {"engagement_metrics", JSON_OBJECT, FALSE, FALSE, NULL, BB_LAX_NONE, 0, NULL},
    {"event_date", JSON_STRING, FALSE, TRUE, NULL, BB_LAX_NONE, 0, NULL},
};

static bb_lax lax_of(const char *name)
{
    if (strcmp(name, "event_date") == 0)
        return BB_LAX_DATE;
    if (g_str_has_suffix(name, "_at") || strcmp(name, "event_timestamp") == 0)
        return BB_LAX_TIMESTAMP;
    if (strcmp(name, "article_id") == 0)
        return BB_LAX_NONE;
    return g_str_has_suffix(name, "id") ? BB_LAX_UUID_ANY : BB_LAX_NONE;
}

/* The checks of values are the same functions on both sides: what differs is how JSON is read and
 * written. */
static void prepare_rules(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        const char *name = rules[i].name;
        rules[i].lax = lax_of(name);
        rules[i].format = strcmp(name, "page_url") == 0   ? bb_format_find("http-url")
                          : strcmp(name, "timezone") == 0 ? bb_format_find("timezone")
                                                          : NULL;
    }
}

static gboolean one_of(const char *text, const char *const *values)
{
    for (; *values; values++) {
        if (strcmp(text, *values) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean check_rule(const rule *check, json_t *event, size_t *seen)
{
    json_t *value = json_object_get(event, check->name);
    if (!value)
        return !check->required;
    (*seen)++;
    if (json_is_null(value))
        return check->nullable;
    if ((int)json_typeof(value) != check->type)
        return FALSE;
    if (check->type != JSON_STRING)
        return TRUE;
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    if (check->max_length && (size_t)g_utf8_strlen(text, (gssize)size) > check->max_length)
        return FALSE;
    if (check->values && !one_of(text, check->values))
        return FALSE;
    if (check->lax != BB_LAX_NONE) {
        char canonical[BB_CANONICAL_MAX];
        return bb_canonicalize(check->lax, BB_STRING, text, size, canonical, &size) !=
               BB_CANONICAL_REFUSED;
    }
    return !check->format || check->format(text, size);
}

static json_t *jansson_validate(const char *text, size_t size)
{
    json_t *event = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    size_t seen = 0;
    gboolean good = json_is_object(event);
    for (size_t i = 0; good && i < G_N_ELEMENTS(rules); i++)
        good = check_rule(&rules[i], event, &seen);
    if (good && seen + (json_object_get(event, "_metadata") != NULL) == json_object_size(event))
        return event;
    fprintf(stderr, "the jansson side refuses an event of the corpus: %.200s\n", text);
    exit(70);
}

static size_t jansson_enrich(json_t *event)
{
    char now[32];
    time_t seconds = time(NULL);
    struct tm utc;
    strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &utc));
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (!json_object_get(event, rules[i].name))
            json_object_set_new(event, rules[i].name,
                                rules[i].type == JSON_OBJECT ? json_object() : json_null());
    }
    json_object_set_new(event, "_metadata",
                        json_pack("{s:s,s:s,s:s}", "produced_at", now, "producer",
                                  "UserEventProducer", "version", "1.0"));
    char *text = json_dumps(event, JSON_COMPACT);
    size_t size = strlen(text);
    free(text);
    return size;
}

static void run_jansson(const corpus *all, gboolean enrich, bb_processor *unused)
{
    (void)unused;
    for (size_t i = 0; i < all->count; i++) {
        json_t *event = jansson_validate(all->lines[i], all->sizes[i]);
        if (enrich)
            (void)jansson_enrich(event);
        json_decref(event);
    }
}

static void run_busbar(const corpus *all, gboolean enrich, bb_processor *processor)
{
    bb_result result;
    for (size_t i = 0; i < all->count; i++) {
        busbar_event *event =
            bb_processor_run(processor, all->lines[i], all->sizes[i], NULL, &result);
        if (!event) {
            fprintf(stderr, "busbar refuses an event of the corpus: %s %s\n", result.pointer,
                    result.message);
            exit(70);
        }
        if (enrich)
            (void)bb_event_json(event);
    }
}

static int compare_us(const void *a, const void *b)
{
    const sample *x = a, *y = b;
    return (x->us > y->us) - (x->us < y->us);
}

static sample measure(const corpus *all, int rounds, gboolean enrich, bb_processor *processor,
                      void (*work)(const corpus *, gboolean, bb_processor *))
{
    sample *samples = g_new(sample, (gsize)rounds);
    work(all, enrich, processor); /* warm-up */
    for (int i = 0; i < rounds; i++) {
        unsigned long long before = atomic_load(&allocations);
        double begin = cpu_us();
        work(all, enrich, processor);
        samples[i].us = (cpu_us() - begin) / (double)all->count;
        samples[i].allocations = (double)(atomic_load(&allocations) - before) / (double)all->count;
    }
    qsort(samples, (size_t)rounds, sizeof(sample), compare_us);
    sample median = samples[rounds / 2];
    g_free(samples);
    return median;
}

static void print(const char *name, sample value, const char *end)
{
    printf("  \"%s\": {\"us\": %.4f, \"allocations\": %.3f}%s\n", name, value.us, value.allocations,
           end);
}

static const bb_event_type *find_type(const char *config, const char *name)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *problems = g_ptr_array_new();
    bb_settings *settings = bb_settings_load(config, NULL, problems);
    bb_registry *registry = settings ? bb_registry_new(settings, bb_metrics_new(), problems) : NULL;
    for (guint i = 0; i < problems->len; i++)
        fprintf(stderr, "%s\n", bb_config_problem_text(problems->pdata[i]));
    const bb_event_type *type = registry ? bb_registry_find(registry, name, &error) : NULL;
    if (type)
        return type; /* settings and registry live as long as the process */
    fprintf(stderr, "%s\n", error ? error->message : "the configuration cannot be used");
    exit(2);
}

static bb_processor *processor_new(const bb_event_type *type, bb_process_mode mode)
{
    g_autoptr(GError) error = NULL;
    bb_processor *processor = bb_processor_new(type, mode, 1, NULL, &error);
    if (!processor) {
        fprintf(stderr, "%s\n", error->message);
        exit(4);
    }
    return processor;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: bench_engine CONFIG EVENT CORPUS ROUNDS\n");
        return 2;
    }
    corpus all = read_corpus(argv[3]);
    int rounds = MAX(atoi(argv[4]), 1);
    const bb_event_type *type = find_type(argv[1], argv[2]);
    g_autoptr(bb_processor) validator = processor_new(type, BB_PROCESS_VALIDATE);
    g_autoptr(bb_processor) publisher = processor_new(type, BB_PROCESS_PUBLISH);
    prepare_rules();
    printf("{\n  \"events\": %zu, \"rounds\": %d,\n", all.count, rounds);
    print("jansson_validate", measure(&all, rounds, FALSE, NULL, run_jansson), ",");
    print("jansson_enrich", measure(&all, rounds, TRUE, NULL, run_jansson), ",");
    print("busbar_validate", measure(&all, rounds, FALSE, validator, run_busbar), ",");
    print("busbar_enrich", measure(&all, rounds, TRUE, publisher, run_busbar), "");
    printf("}\n");
    return 0;
}
