/* The configuration of an `exec` handler, read once. */
#include "settings.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

extern char **environ;

static int32_t out_of_memory(busbar_call *call)
{
    return busbar_fail(call, BUSBAR_FATAL, "out of memory");
}

static char **read_command(const json_t *list)
{
    size_t count = json_array_size(list);
    char **command = calloc(count + 1, sizeof(*command));
    for (size_t i = 0; command && i < count; i++)
        command[i] = strdup(json_string_value(json_array_get(list, i)));
    return command;
}

/* Own variables in front of the inherited ones: the first of a name is the one that is found. */
static char **read_environment(const json_t *config)
{
    json_t *own = json_object_get(config, "environment"), *value;
    bool inherit = !json_is_false(json_object_get(config, "inherit_environment"));
    size_t inherited = 0, used = 0;
    const char *name;
    while (inherit && environ[inherited])
        inherited++;
    char **list = calloc(json_object_size(own) + inherited + 1, sizeof(*list));
    if (!list)
        return NULL;
    json_object_foreach(own, name, value)
    {
        size_t size = strlen(name) + json_string_length(value) + 2;
        list[used] = malloc(size);
        if (list[used])
            (void)snprintf(list[used++], size, "%s=%s", name, json_string_value(value));
    }
    for (size_t i = 0; i < inherited; i++) {
        char *end = strchr(environ[i], '=');
        char *copy = strdup(environ[i]);
        if (copy && end)
            copy[end - environ[i]] = '\0';
        if (copy && end && json_object_get(own, copy)) {
            free(copy);
            continue;
        }
        if (copy && end)
            copy[end - environ[i]] = '=';
        list[used++] = copy;
    }
    return list;
}

static const char *variable(char *const *environment, const char *name)
{
    size_t size = strlen(name);
    for (; *environment; environment++) {
        if (strncmp(*environment, name, size) == 0 && (*environment)[size] == '=')
            return *environment + size + 1;
    }
    return NULL;
}

/* Looks `name` up in the child's PATH, as a shell does; NULL where no folder has it. */
static char *find_program(const char *name, char *const *environment)
{
    const char *path = variable(environment, "PATH");
    if (strchr(name, '/'))
        return strdup(name);
    for (const char *at = path ? path : "/usr/local/bin:/usr/bin:/bin"; *at;) {
        size_t size = strcspn(at, ":");
        char *file = malloc(size + strlen(name) + 3);
        if (!file)
            return NULL;
        (void)sprintf(file, "%.*s/%s", (int)(size ? size : 1), size ? at : ".", name);
        if (access(file, X_OK) == 0)
            return file;
        free(file);
        at += size + (at[size] == ':');
    }
    return NULL;
}

static int64_t integer_or(const json_t *config, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(config, name);
    return value ? json_integer_value(value) : otherwise;
}

static int32_t read_all(exec_settings *settings, busbar_call *call, const json_t *config)
{
    const char *cwd = json_string_value(json_object_get(config, "cwd"));
    const char *input = json_string_value(json_object_get(config, "input"));
    settings->envelope = !input || strcmp(input, "envelope") == 0;
    settings->flush = json_is_true(json_object_get(config, "flush"));
    settings->timeout_ms = integer_or(config, "timeout_ms", 30000);
    settings->stop_ms = integer_or(config, "stop_ms", 5000);
    settings->stderr_lines = (uint32_t)integer_or(config, "stderr_lines_per_second", 20);
    if (settings->flush && !settings->envelope)
        return busbar_fail(call, BUSBAR_FATAL,
                           "`flush: true` goes with `input: envelope` only: a bare event could "
                           "look like a line that asks for a flush");
    settings->command = read_command(json_object_get(config, "command"));
    settings->environment = read_environment(config);
    settings->cwd = cwd ? strdup(cwd) : NULL;
    if (!settings->command || !settings->command[0] || !settings->environment ||
        (cwd && !settings->cwd))
        return out_of_memory(call);
    settings->program = find_program(settings->command[0], settings->environment);
    if (!settings->program)
        return busbar_fail(call, BUSBAR_FATAL,
                           "`command`: no folder of PATH has a program \"%s\"; install it or name "
                           "it by its path",
                           settings->command[0]);
    return BUSBAR_PASS;
}

int32_t exec_settings_init(exec_settings *settings, busbar_call *call, busbar_bytes config)
{
    json_error_t error;
    json_t *tree = json_loadb(config.data, config.size, 0, &error);
    if (!tree)
        return busbar_fail(call, BUSBAR_FATAL, "its configuration is not JSON: %s", error.text);
    int32_t verdict = read_all(settings, call, tree);
    json_decref(tree);
    return verdict;
}

static void free_list(char **list)
{
    for (char **at = list; at && *at; at++)
        free(*at);
    free(list);
}

void exec_settings_clear(exec_settings *settings)
{
    free_list(settings->command);
    free_list(settings->environment);
    free(settings->program);
    free(settings->cwd);
}
