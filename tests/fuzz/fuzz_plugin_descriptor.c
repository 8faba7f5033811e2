/* Fuzzes what a plugin file can tell the loader: the bytes of the file, and a descriptor with any
 * numbers in it and any pointer that could be valid. What is accepted must be safe to use. */
#include <stdlib.h>
#include <string.h>

#include "plugin/elf_file.h"
#include "plugin/handshake.h"
#include "plugin/loader.h"

enum { POOL = 4, TEXT = 72 };

/* Input, taken piece by piece; zero when it has run out. */
typedef struct source {
    const uint8_t *data;
    size_t size;
} source;

static uint32_t take(source *from)
{
    uint32_t value = 0;
    size_t size = MIN(from->size, sizeof(value));
    memcpy(&value, from->data, size);
    from->data += size;
    from->size -= size;
    return value;
}

/* A number that is often near `usual`. */
static uint32_t take_number(source *from, uint32_t usual)
{
    uint32_t value = take(from);
    return value % 3 == 0 ? value : usual + (value >> 2) % 5 - 2 * (value % 3 == 2);
}

/* Memory for one descriptor and all that it can point to. Each struct stands alone on the heap, as
 * long as it says it is where that is shorter than the real one, so that a read behind its end is
 * seen. */
typedef struct world {
    char *texts[POOL];
    busbar_event_ops *ops;
    busbar_handler_ops *handler_ops;
    busbar_event_type *types[POOL];
    busbar_handler *handlers[POOL];
} world;

static const char *pick_text(const world *all, source *from)
{
    uint32_t which = take(from) % (POOL + 1);
    return which < POOL ? all->texts[which] : NULL;
}

static busbar_bytes pick_bytes(const world *all, source *from)
{
    const char *text = pick_text(all, from);
    uint32_t size = take(from);
    return (busbar_bytes){text, text ? MIN(size, strlen(text)) : size};
}

static void *sized(const void *value, size_t real_size, uint32_t stated)
{
    size_t size = MIN(MAX(stated, sizeof(uint32_t)), real_size);
    void *memory = malloc(size);
    memcpy(memory, value, size);
    return memory;
}

static int32_t open_nothing(busbar_call *call, busbar_bytes config, void **ret_self)
{
    (void)call;
    (void)config;
    (void)ret_self;
    return BUSBAR_FATAL;
}

static int32_t handle_nothing(void *self, busbar_call *call, const busbar_batch *batch,
                              int32_t *verdicts)
{
    (void)self;
    (void)call;
    (void)batch;
    (void)verdicts;
    return BUSBAR_FATAL;
}

static void make_ops(world *all, source *from)
{
    busbar_event_ops ops = {.struct_size = take_number(from, sizeof(ops))};
    busbar_handler_ops handler_ops = {.struct_size = take_number(from, sizeof(handler_ops)),
                                      .open = take(from) % 4 ? open_nothing : NULL,
                                      .handle = take(from) % 4 ? handle_nothing : NULL};
    all->ops = sized(&ops, sizeof(ops), ops.struct_size);
    all->handler_ops = sized(&handler_ops, sizeof(handler_ops), handler_ops.struct_size);
}

static void make_lists(world *all, source *from)
{
    for (int i = 0; i < POOL; i++) {
        busbar_event_type type = {.struct_size = take_number(from, sizeof(type)),
                                  .name = pick_text(all, from),
                                  .topic = pick_text(all, from),
                                  .contract = pick_bytes(all, from),
                                  .ops = take(from) % 2 ? all->ops : NULL};
        busbar_handler handler = {.struct_size = take_number(from, sizeof(handler)),
                                  .name = pick_text(all, from),
                                  .config_schema = pick_bytes(all, from),
                                  .ops = take(from) % 4 ? all->handler_ops : NULL};
        all->types[i] = take(from) % 8 ? sized(&type, sizeof(type), type.struct_size) : NULL;
        all->handlers[i] =
            take(from) % 8 ? sized(&handler, sizeof(handler), handler.struct_size) : NULL;
    }
}

static void make_texts(world *all, source *from)
{
    static const char *const good[POOL] = {"alpha", "beta_2", "{}", "1.0"};
    for (int i = 0; i < POOL; i++) {
        char text[TEXT];
        size_t size = take(from) % TEXT;
        size = MIN(size, from->size);
        memcpy(text, from->data, size);
        from->data += size;
        from->size -= size;
        all->texts[i] = size % 2 ? g_strndup(text, size) : g_strdup(good[i]);
    }
}

static void free_world(world *all)
{
    for (int i = 0; i < POOL; i++) {
        g_free(all->texts[i]);
        free(all->types[i]);
        free(all->handlers[i]);
    }
    free(all->ops);
    free(all->handler_ops);
}

/* Counts may be larger than the lists only where the handshake must refuse before it looks. */
static uint32_t take_count(source *from)
{
    uint32_t count = take(from);
    return count % 16 ? count % (POOL + 1) : count | 2048;
}

/* Reads everything that the host reads of an accepted descriptor. */
static void use(const busbar_plugin_descriptor *plugin)
{
    size_t seen = strlen(plugin->name) + strlen(plugin->version);
    for (uint32_t i = 0; i < plugin->event_type_count; i++) {
        busbar_event_type type;
        busbar_event_ops ops;
        bb_copy_event_type(plugin->event_types[i], &type, &ops);
        seen += strlen(type.name) + strlen(type.topic);
        g_assert(!ops.validate && !ops.enrich && !ops.handle);
        g_assert(!type.contract.size || type.contract.data);
    }
    for (uint32_t i = 0; i < plugin->handler_count; i++) {
        busbar_handler handler;
        busbar_handler_ops ops;
        bb_copy_handler(plugin->handlers[i], &handler, &ops);
        g_assert(ops.open == open_nothing && ops.handle == handle_nothing);
        seen += strlen(handler.name);
    }
    g_assert(seen > 0 && plugin->event_type_count + plugin->handler_count > 0);
}

static void try_descriptor(source from)
{
    world all = {0};
    make_texts(&all, &from);
    make_ops(&all, &from);
    make_lists(&all, &from);
    busbar_plugin_descriptor descriptor = {
        .magic = take_number(&from, BUSBAR_MAGIC),
        .struct_size = take_number(&from, sizeof(descriptor)),
        .abi_major = (uint16_t)take_number(&from, BUSBAR_ABI_MAJOR),
        .abi_minor = (uint16_t)take_number(&from, BUSBAR_ABI_MINOR),
        .name = pick_text(&all, &from),
        .version = pick_text(&all, &from),
        .event_type_count = take_count(&from),
        .handler_count = take_count(&from),
        .event_types = take(&from) % 8 ? (const busbar_event_type *const *)all.types : NULL,
        .handlers = take(&from) % 8 ? (const busbar_handler *const *)all.handlers : NULL,
    };
    size_t symbol_size = take_number(&from, sizeof(descriptor));
    symbol_size = MIN(symbol_size, sizeof(descriptor));
    void *symbol = malloc(symbol_size ? symbol_size : 1);
    memcpy(symbol, &descriptor, symbol_size);
    busbar_plugin_descriptor copy;
    g_autoptr(GError) error = NULL;
    if (bb_handshake_check(&bb_handshake_host, "fuzz.so", symbol, symbol_size, &copy, &error))
        use(&copy);
    else
        g_assert(error && *error->message);
    free(symbol);
    free_world(&all);
}

static void try_file(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    if (!bb_elf_check("fuzz.so", data, size, &error))
        g_assert(error && *error->message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    if (data[0] == 0x7f)
        try_file(data, size);
    else
        try_descriptor((source){data + 1, size - 1});
    return 0;
}
