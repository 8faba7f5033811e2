/* A verdict as JSON: a word, or an object with its reason. */
#include "verdict.h"

#include <string.h>

#include <busbar/plugin.h>

static const struct {
    const char *word;
    int32_t verdict;
} words[] = {{"pass", BUSBAR_PASS},
             {"drop", BUSBAR_DROP},
             {"reject", BUSBAR_REJECT},
             {"retry", BUSBAR_RETRY}};

int32_t handler_verdict_word(const char *word, size_t size)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i].word) == size && memcmp(words[i].word, word, size) == 0)
            return words[i].verdict;
    }
    return 0;
}

static bool read_scope(const json_t *scope, uint32_t *ret_scope)
{
    const char *word = json_string_value(scope);
    *ret_scope = BUSBAR_SCOPE_RECORD;
    if (!scope || (word && strcmp(word, "record") == 0))
        return true;
    *ret_scope = BUSBAR_SCOPE_INFRASTRUCTURE;
    return word && strcmp(word, "infrastructure") == 0;
}

static const char *text_of(const json_t *text)
{
    return json_is_string(text) ? json_string_value(text) : "";
}

bool handler_verdict_read(const json_t *object, handler_verdict *ret_verdict,
                          const char **ret_problem)
{
    const json_t *verdict = json_object_get(object, "verdict");
    const json_t *offset = json_object_get(object, "offset");
    *ret_verdict = (handler_verdict){0, BUSBAR_SCOPE_RECORD, "", "", -1};
    *ret_problem = "its `verdict` is none of \"pass\", \"drop\", \"reject\", \"retry\"";
    if (!verdict)
        *ret_problem = "it has no member `verdict`";
    if (!json_is_string(verdict))
        return false;
    ret_verdict->verdict =
        handler_verdict_word(json_string_value(verdict), json_string_length(verdict));
    if (!ret_verdict->verdict)
        return false;
    *ret_problem = "its `scope` is neither \"record\" nor \"infrastructure\"";
    ret_verdict->offset = json_is_integer(offset) ? json_integer_value(offset) : -1;
    ret_verdict->reason = text_of(json_object_get(object, "reason"));
    ret_verdict->pointer = text_of(json_object_get(object, "pointer"));
    return read_scope(json_object_get(object, "scope"), &ret_verdict->scope);
}
