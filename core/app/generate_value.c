/* Makes plausible values for members by their type and name. */
#include <math.h>
#include <string.h>

#include "app/generate_private.h"
#include "contract/canonical.h"

enum { SECOND_US = 1000000, LAX_IN = 40 };

#define PICK(dice, list) ((list)[bb_dice_below(dice, G_N_ELEMENTS(list))])

static const struct {
    const char *country;
    const char *timezone;
} places[] = {{"DE", "Europe/Berlin"},    {"FR", "Europe/Paris"},       {"GB", "Europe/London"},
              {"US", "America/New_York"}, {"BR", "America/Sao_Paulo"},  {"IN", "Asia/Kolkata"},
              {"JP", "Asia/Tokyo"},       {"ZA", "Africa/Johannesburg"}};

static const char *const subjects[] = {
    "Harbour council", "Night train", "City library", "Bürgermeisterin",
    "Local team",      "Solar park",  "Old bridge",   "Museum of \"small things\""};
static const char *const verbs[] = {"reopens",    "approves the plan", "asks for help",
                                    "wins again", "moves north",       "turns a hundred"};
static const char *const ends[] = {"after winter", "in one evening", "against all odds",
                                   "— a report",   "this Sunday",    "for the second time"};

void bb_value_quote(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *text);
    }
    g_string_append_c(out, '"');
}

/* How many different ids a member has; what is not listed has few. */
static guint64 pool_size(const char *name)
{
    static const struct {
        const char *name;
        guint64 size;
    } pools[] = {{"company_id", 2},   {"brand_id", 6},     {"user_id", 1000}, {"session_id", 4000},
                 {"account_id", 800}, {"article_id", 300}, {"entity_id", 500}};
    for (guint i = 0; i < G_N_ELEMENTS(pools); i++) {
        if (strcmp(name, pools[i].name) == 0)
            return pools[i].size;
    }
    return 40;
}

static void append_hex(GString *out, guint64 value, guint digits, gboolean upper)
{
    const char *letters = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    while (digits-- > 0)
        g_string_append_c(out, letters[value >> (4 * digits) & 15]);
}

static void append_uuid(const bb_plan_field *field, bb_scene *scene, GString *out)
{
    guint64 high = bb_dice_next(&scene->dice);
    guint64 low = bb_dice_next(&scene->dice);
    gboolean upper = field->lax && bb_dice_below(&scene->dice, LAX_IN) == 0;
    if (!field->fresh) {
        /* The lower of two throws: some users are seen more often than others. */
        guint64 number = MIN(high % field->pool_size, low % field->pool_size);
        high = bb_dice_mix(field->hash + number);
        low = bb_dice_mix(high + number);
    }
    g_string_append_c(out, '"');
    append_hex(out, high >> 32, 8, upper);
    g_string_append_c(out, '-');
    append_hex(out, high >> 16, 4, upper);
    g_string_append(out, "-4");
    append_hex(out, high, 3, upper);
    g_string_append_c(out, '-');
    append_hex(out, 8 | (low >> 60 & 3), 1, upper);
    append_hex(out, low >> 48, 3, upper);
    g_string_append_c(out, '-');
    append_hex(out, low, 12, upper);
    g_string_append_c(out, '"');
}

/* Seconds by which a timestamp differs from the event's own. */
static gint64 shift_of(const char *name, bb_scene *scene)
{
    if (strcmp(name, "session_end") == 0)
        return 20 + (gint64)bb_dice_below(&scene->dice, 3000);
    if (strcmp(name, "requested_at") == 0)
        return -7200 - (gint64)bb_dice_below(&scene->dice, 86400);
    if (strcmp(name, "processed_at") == 0)
        return -(gint64)bb_dice_below(&scene->dice, 7200);
    return 0;
}

static void append_instant(const bb_plan_field *field, bb_scene *scene, GString *out)
{
    char text[40];
    gint64 when_us = scene->when_us + shift_of(field->name, scene) * SECOND_US;
    text[bb_instant_format(when_us, text)] = '\0';
    if (field->lax && bb_dice_below(&scene->dice, LAX_IN) == 0)
        text[10] = ' '; /* a blank for the T, as the original writes it */
    bb_value_quote(out, text);
}

static void append_date(const bb_plan_field *field, bb_scene *scene, GString *out)
{
    char text[40];
    gint64 days = strcmp(field->name, "expiry_date") == 0 ? 30 : 0;
    (void)bb_instant_format(scene->when_us + days * 86400 * SECOND_US, text);
    text[10] = '\0';
    bb_value_quote(out, text);
}

/* Throws are taken one statement at a time: the order in which arguments are evaluated is the
 * compiler's choice, and the text must not depend on it. */
static void append_title(bb_scene *scene, GString *out)
{
    const char *subject = PICK(&scene->dice, subjects);
    const char *verb = PICK(&scene->dice, verbs);
    const char *end = PICK(&scene->dice, ends);
    g_autofree char *title = g_strdup_printf("%s %s %s", subject, verb, end);
    bb_value_quote(out, title);
}

static void append_url(const bb_plan_field *field, bb_scene *scene, GString *out)
{
    static const char *const sections[] = {"local", "culture", "sport", "economy", "opinion"};
    static const char *const slugs[] = {"ferry-timetable", "museum-reopens", "night-train",
                                        "solar-park", "old-bridge"};
    const char *host = g_str_has_prefix(field->name, "data_export") ? "exports" : "www";
    const char *section = PICK(&scene->dice, sections);
    const char *slug = PICK(&scene->dice, slugs);
    g_string_append_printf(out, "\"https://%s.example.org/%s/%s-%u\"", host, section, slug,
                           (guint)bb_dice_below(&scene->dice, 400));
}

/* Addresses reserved for documentation (RFC 5737, RFC 3849). */
static void append_ip(const bb_plan_field *field, bb_scene *scene, GString *out)
{
    (void)field;
    guint host = 1 + (guint)bb_dice_below(&scene->dice, 250);
    guint throw = (guint)bb_dice_below(&scene->dice, 4);
    if (throw == 0)
        g_string_append_printf(out, "\"2001:db8::%x:%x\"", host, host * 7);
    else
        g_string_append_printf(out, "\"%s.%u\"", throw == 1 ? "192.0.2" : "198.51.100", host);
}

typedef struct word_list {
    const char *name; /* end of the member's name */
    const char *words[9];
} word_list;

static const word_list word_lists[] = {
    {"referrer", {"direct", "google", "newsletter", "internal", "facebook"}},
    {"article_type", {"news", "opinion", "gallery", "video", "analysis"}},
    {"article_id", {"HT-2026-00417", "HT-2026-00398", "HT-2026-00512", "HT-2026-00533"}},
    {"article_ids_visited", {"HT-2026-00417", "HT-2026-00398", "HT-2026-00512"}},
    {"categories_visited", {"local", "transport", "culture", "sport", "economy"}},
    {"tags", {"harbour", "ferry", "museum", "winter", "Straßenbahn"}},
    {"meta_keywords", {"ferry", "timetable", "harbour", "council"}},
    {"target_employee_levels", {"staff", "lead", "manager", "executive"}},
    {"user_agent",
     {"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15", "curl/8.14.1",
      "OwnLensApp/4.2 (Android 15)"}},
    {"table_name",
     {"customer_events", "customer_sessions", "editorial_articles", "audit_logs",
      "ml_model_predictions"}},
    {"column_name", {"user_id", "event_timestamp", "country_code", "status"}},
    {"domain", {"customer", "editorial", "company"}},
    {"resource_type", {"customer", "editorial", "company", "ml_model", "user", "role"}},
    {"resource_identifier", {"report/2026-11", "role/editor", "model/churn-3", "user/anna"}},
    {"entity_type", {"user", "article", "content"}},
    {"prediction_type", {"churn", "conversion", "article_performance"}},
    {"_class", {"will_stay", "will_leave", "high", "low"}},
    {"endpoint", {"/api/v1/users", "/api/v1/articles/search", "/api/v1/reports", "/login"}},
    {"error_code", {"E_DENIED", "E_TIMEOUT", "E_NOT_FOUND"}},
    {"reason", {"wrong password", "account locked", "second factor missing"}},
};

static void find_words(bb_plan_field *field)
{
    for (guint i = 0; i < G_N_ELEMENTS(word_lists) && !field->words; i++) {
        const word_list *list = &word_lists[i];
        if (!g_str_has_suffix(field->name, list->name))
            continue;
        field->words = list->words;
        while (field->word_count < G_N_ELEMENTS(list->words) && list->words[field->word_count])
            field->word_count++;
    }
}

static void append_text(const bb_plan_field *field, bb_scene *scene, GString *out)
{
    gsize start = out->len;
    guint64 throw = bb_dice_next(&scene->dice);
    if (field->words)
        bb_value_quote(out, field->words[throw % field->word_count]);
    else
        append_title(scene, out);
    /* A text has at least as many bytes as code points, so bytes are safe to compare. */
    if (field->max_length && out->len - start - 2 > field->max_length) {
        g_string_truncate(out, start);
        g_string_append_printf(out, "\"%.*s\"", (int)MIN(field->max_length, 8), "abcdefgh");
    }
}

/* Sizes that a number by this name usually has. */
static void find_range(bb_plan_field *field)
{
    static const struct {
        const char *end;
        double low, high;
    } ranges[] = {{"_bytes", 120, 60000},
                  {"_ms", 1, 900},
                  {"word_count", 180, 2200},
                  {"total_records", 1000, 400000},
                  {"unique_count", 1000, 90000},
                  {"status_code", 200, 204},
                  {"_avg", 3, 100},
                  {"_hours", 0, 72}};
    field->low = 0;
    field->high = field->make == BB_MAKE_NUMBER ? 100 : 12;
    for (guint i = 0; i < G_N_ELEMENTS(ranges); i++) {
        if (g_str_has_suffix(field->name, ranges[i].end)) {
            field->low = ranges[i].low;
            field->high = ranges[i].high;
        }
    }
    if (field->has_maximum)
        field->high = MIN(field->high, field->maximum);
    if (field->has_minimum)
        field->low = MAX(field->low, field->minimum);
    if (field->low > field->high && field->has_maximum)
        field->low = field->high;
    field->high = MAX(field->low, field->high);
}

void bb_value_prepare(bb_plan_field *field)
{
    field->pool_size = pool_size(field->name);
    find_words(field);
    find_range(field);
}

static void append_number(const bb_plan_field *field, bb_scene *scene, GString *out)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    double share = (double)bb_dice_below(&scene->dice, 10001) / 10000;
    double value = field->low + (field->high - field->low) * share;
    if (field->make == BB_MAKE_INTEGER) {
        gboolean quoted = field->lax && bb_dice_below(&scene->dice, LAX_IN) == 0;
        g_string_append_printf(out, quoted ? "\"%.0f\"" : "%.0f", floor(value));
        return;
    }
    value = round(value * 10000) / 10000;
    g_string_append(out, g_ascii_formatd(text, sizeof(text), "%.6g", value));
}

static void append_object(const bb_plan_field *field, bb_scene *scene, GString *out)
{
    static const char *const sources[] = {"web", "app", "newsletter", "batch"};
    const char *source = PICK(&scene->dice, sources);
    guint number = (guint)bb_dice_below(&scene->dice, 101);
    if (g_str_has_prefix(field->name, "engagement"))
        g_string_append_printf(out, "{\"scroll_depth\":%u,\"time_on_page\":%u}", number,
                               (guint)bb_dice_below(&scene->dice, 600));
    else
        g_string_append_printf(out, "{\"source\":\"%s\",\"release\":\"4.%u\"}", source,
                               number % 10);
}

static void append_array(const bb_plan_field *field, bb_scene *scene, GString *out)
{
    guint64 count = 1 + bb_dice_below(&scene->dice, 3);
    g_string_append_c(out, '[');
    for (guint64 i = 0; i < count; i++) {
        if (i > 0)
            g_string_append_c(out, ',');
        bb_value_make(field->items, scene, out);
    }
    g_string_append_c(out, ']');
}

static void append_enum(const bb_plan_field *field, bb_scene *scene, GString *out)
{
    guint64 throw = bb_dice_below(&scene->dice, field->value_count);
    g_string_append(out, field->value_count ? field->values[throw] : "null");
}

static void append_timezone(const bb_plan_field *field, bb_scene *scene, GString *out)
{
    (void)field;
    bb_value_quote(out, places[scene->place % G_N_ELEMENTS(places)].timezone);
}

static void append_country(const bb_plan_field *field, bb_scene *scene, GString *out)
{
    (void)field;
    bb_value_quote(out, places[scene->place % G_N_ELEMENTS(places)].country);
}

static void append_email(const bb_plan_field *field, bb_scene *scene, GString *out)
{
    (void)field;
    g_string_append_printf(out, "\"reader%u@example.org\"",
                           (guint)bb_dice_below(&scene->dice, 1000));
}

static void append_boolean(const bb_plan_field *field, bb_scene *scene, GString *out)
{
    (void)field;
    g_string_append(out, bb_dice_percent(&scene->dice, 80) ? "true" : "false");
}

static void append_null(const bb_plan_field *field, bb_scene *scene, GString *out)
{
    (void)field;
    (void)scene;
    g_string_append(out, "null");
}

void bb_value_make(const bb_plan_field *field, bb_scene *scene, GString *out)
{
    static void (*const makers[])(const bb_plan_field *, bb_scene *, GString *) = {
        [BB_MAKE_TEXT] = append_text,         [BB_MAKE_UUID] = append_uuid,
        [BB_MAKE_INSTANT] = append_instant,   [BB_MAKE_DATE] = append_date,
        [BB_MAKE_URL] = append_url,           [BB_MAKE_IP] = append_ip,
        [BB_MAKE_TIMEZONE] = append_timezone, [BB_MAKE_COUNTRY] = append_country,
        [BB_MAKE_EMAIL] = append_email,       [BB_MAKE_ENUM] = append_enum,
        [BB_MAKE_INTEGER] = append_number,    [BB_MAKE_NUMBER] = append_number,
        [BB_MAKE_BOOLEAN] = append_boolean,   [BB_MAKE_OBJECT] = append_object,
        [BB_MAKE_ARRAY] = append_array,       [BB_MAKE_NULL] = append_null,
    };
    makers[field->make](field, scene, out);
}
