/* One line of a child's answer: a verdict, or the word that a flush is done. */
#include "answer.h"

#include <string.h>

#include <busbar/plugin.h>

static const struct {
    const char *word;
    int32_t verdict;
} words[] = {{"pass", BUSBAR_PASS},
             {"drop", BUSBAR_DROP},
             {"reject", BUSBAR_REJECT},
             {"retry", BUSBAR_RETRY}};

static int32_t verdict_of(const char *word, size_t size)
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

static bool read_object(exec_answer *answer, const char **ret_problem)
{
    const json_t *verdict = json_object_get(answer->tree, "verdict");
    *ret_problem = "its `verdict` is none of \"pass\", \"drop\", \"reject\", \"retry\"";
    if (!verdict)
        *ret_problem = "it has no member `verdict`";
    if (!json_is_string(verdict))
        return false;
    answer->verdict = verdict_of(json_string_value(verdict), json_string_length(verdict));
    if (!answer->verdict)
        return false;
    *ret_problem = "its `scope` is neither \"record\" nor \"infrastructure\"";
    const json_t *offset = json_object_get(answer->tree, "offset");
    answer->offset = json_is_integer(offset) ? json_integer_value(offset) : -1;
    answer->reason = text_of(json_object_get(answer->tree, "reason"));
    answer->pointer = text_of(json_object_get(answer->tree, "pointer"));
    return read_scope(json_object_get(answer->tree, "scope"), &answer->scope);
}

bool exec_answer_parse(const char *line, size_t size, exec_answer *ret_answer,
                       const char **ret_problem)
{
    while (size && (line[size - 1] == '\r' || line[size - 1] == ' '))
        size--;
    *ret_answer = (exec_answer){verdict_of(line, size), BUSBAR_SCOPE_RECORD, "", "", -1, NULL};
    if (ret_answer->verdict)
        return true;
    *ret_problem = "it is neither a verdict's word nor a JSON object";
    ret_answer->tree = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(ret_answer->tree) && read_object(ret_answer, ret_problem))
        return true;
    exec_answer_clear(ret_answer);
    return false;
}

void exec_answer_clear(exec_answer *answer)
{
    json_decref(answer->tree);
    answer->tree = NULL;
}

bool exec_answer_is_flushed(const char *line, size_t size, uint64_t number)
{
    json_t *tree = json_loadb(line, size, 0, NULL);
    const json_t *flushed = json_object_get(tree, "flushed");
    bool is = json_is_integer(flushed) && (uint64_t)json_integer_value(flushed) == number;
    json_decref(tree);
    return is;
}
