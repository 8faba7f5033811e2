/* One line of a child's answer: a verdict, or the word that a flush is done. */
#include "answer.h"

#include <string.h>

#include <busbar/plugin.h>

bool exec_answer_parse(const char *line, size_t size, exec_answer *ret_answer,
                       const char **ret_problem)
{
    while (size && (line[size - 1] == '\r' || line[size - 1] == ' '))
        size--;
    *ret_answer =
        (exec_answer){{handler_verdict_word(line, size), BUSBAR_SCOPE_RECORD, "", "", -1}, NULL};
    if (ret_answer->said.verdict)
        return true;
    *ret_problem = "it is neither a verdict's word nor a JSON object";
    ret_answer->tree = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(ret_answer->tree) &&
        handler_verdict_read(ret_answer->tree, &ret_answer->said, ret_problem))
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
