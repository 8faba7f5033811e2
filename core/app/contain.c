/* The memory of a worker and the notes that its signal handlers leave there. */
#include "app/contain.h"

#include <execinfo.h>
#include <limits.h>
#include <link.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/error.h"

enum { STACK_BYTES = 128 * 1024 };

/* A signal handler has no argument of ours. */
static bb_contain *own;

static const int fatal[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGSYS, SIGTRAP};

bb_contain *bb_contain_new(void)
{
    void *memory = mmap(NULL, sizeof(bb_contain), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void bb_contain_free(bb_contain *contain)
{
    if (contain)
        (void)munmap(contain, sizeof(*contain)); /* it was mapped */
}

/* Text is put together by hand: nothing of libc that formats may be called from a handler. */
typedef struct writer {
    char *at;
    char *end; /* place of the last possible zero */
} writer;

static void put_text(writer *out, const char *text)
{
    while (*text && out->at < out->end)
        *out->at++ = *text++;
    *out->at = '\0';
}

static void put_hex(writer *out, guint64 number)
{
    char digits[20];
    gsize at = sizeof(digits) - 1;
    digits[at] = '\0';
    do {
        digits[--at] = "0123456789abcdef"[number & 15];
        number >>= 4;
    } while (number);
    put_text(out, "0x");
    put_text(out, digits + at);
}

typedef struct module {
    guint64 address;
    guint64 offset;
    const char *name; /* NULL: none found; "": the program itself */
} module;

static int find_module(struct dl_phdr_info *info, size_t size, void *user)
{
    module *found = user;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        guint64 start = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type != PT_LOAD || found->address < start ||
            found->address - start >= segment->p_memsz)
            continue;
        found->offset = found->address - info->dlpi_addr;
        found->name = info->dlpi_name;
        return 1;
    }
    return 0;
}

/* The program itself has no name; a copy in memory is called by its descriptor, which is a link to
 * what it was made from. */
static void put_module(writer *out, const char *name)
{
    static const char copies[] = "/proc/self/fd/";
    char target[PATH_MAX];
    ssize_t size = -1;
    if (strncmp(name, copies, sizeof(copies) - 1) == 0)
        size = readlink(name, target, sizeof(target) - 1);
    if (size > 0) {
        target[size] = '\0';
        put_text(out, target);
    } else {
        put_text(out, *name ? name : "busbar");
    }
}

/* "/path/module.so+0x1234", a line. */
static void put_frame(writer *out, guint64 address)
{
    module found = {.address = address};
    (void)dl_iterate_phdr(find_module, &found);
    if (!found.name) {
        put_hex(out, address);
    } else {
        put_module(out, found.name);
        put_text(out, "+");
        put_hex(out, found.offset);
    }
    put_text(out, "\n");
}

static guint64 fault_address(const void *context)
{
    if (!context)
        return 0;
#if defined(__x86_64__)
    return (guint64)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return ((const ucontext_t *)context)->uc_mcontext.pc;
#else
    return 0;
#endif
}

/* The frames from the one that was interrupted on; those of the handler itself are left out. */
static void note_stack(bb_mark_note *note, guint64 fault)
{
    void *frames[BB_MARK_FRAMES];
    int count = backtrace(frames, BB_MARK_FRAMES);
    int first = 0;
    for (int i = 0; i < count && fault; i++) {
        if ((guint64)(gsize)frames[i] == fault)
            first = i;
    }
    writer out = {note->stack, note->stack + sizeof(note->stack) - 1};
    for (int i = first; i < count; i++) {
        guint64 address = (guint64)(gsize)frames[i];
        note->frames[note->frame_count++] = address;
        /* a return address is behind its call */
        put_frame(&out, i == first && fault == address ? address : address - 1);
    }
}

/* FALSE when somebody else has noted already, or this is a child that a plugin forked. */
static gboolean take_note(int number, gboolean exited, const void *context)
{
    bb_mark_note *note = &own->marks.note;
    int untaken = 0;
    if (getpid() != own->pid || !__atomic_compare_exchange_n(&note->taken, &untaken, 1, FALSE,
                                                             __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return FALSE;
    bb_mark *mark = bb_mark_current();
    note->mark = -1;
    if (mark && mark->stage && mark >= own->marks.marks && mark < own->marks.marks + BB_MARKS)
        note->mark = (gint32)(mark - own->marks.marks);
    note->signal = number;
    note->exited = exited;
    note_stack(note, fault_address(context));
    __atomic_store_n(&note->complete, 1, __ATOMIC_SEQ_CST);
    return TRUE;
}

/* SA_RESETHAND has put the default back: raised once more, the signal ends the process, with the
 * core file that the system is set up for. */
static void on_fatal(int number, siginfo_t *info, void *context)
{
    (void)info;
    (void)take_note(number, FALSE, context);
    (void)raise(number);
}

/* `exit` was called by something that is not the end of a command: by a plugin. The other threads
 * are at work, so there is no tidy end. */
static void on_exit_called(void)
{
    if (getpid() != own->pid || __atomic_load_n(&own->ended, __ATOMIC_SEQ_CST))
        return;
    (void)take_note(0, TRUE, NULL);
    _exit(BB_EXIT_BUG);
}

/* A stack that overflows leaves no room for a handler, so every thread brings one. It lives as long
 * as its thread may. */
static void make_stack(void)
{
    void *memory =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const stack_t stack = {.ss_sp = memory, .ss_size = STACK_BYTES};
    if (memory != MAP_FAILED)
        (void)sigaltstack(&stack, NULL); /* without it all but overflows are noted */
}

void bb_contain_begin(bb_contain *contain)
{
    void *frame;
    struct sigaction action = {.sa_sigaction = on_fatal,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND};
    own = contain;
    contain->pid = getpid();
    contain->ended = 0;
    contain->began = 0;
    contain->error[0] = '\0';
    contain->marks.used = 0;
    memset(&contain->marks.note, 0, sizeof(contain->marks.note));
    bb_marks_use(&contain->marks);
    bb_suspects_use(&contain->suspects);
    (void)backtrace(&frame, 1); /* loads what it needs, which a handler may not */
    make_stack();
    bb_mark_set_hook(make_stack);
    for (gsize i = 0; i < G_N_ELEMENTS(fatal); i++)
        (void)sigaction(fatal[i], &action, NULL); /* the numbers are sound */
    (void)atexit(on_exit_called);                 /* without it the supervisor sees the end alone */
}

void bb_contain_end(bb_contain *contain, int exit_code)
{
    contain->exit_code = exit_code;
    __atomic_store_n(&contain->ended, 1, __ATOMIC_SEQ_CST);
}

static bb_contain_row *find_row(bb_contain *contain, const char *event)
{
    for (guint i = 0; i < contain->row_count; i++) {
        if (strcmp(contain->rows[i].event, event) == 0)
            return &contain->rows[i];
    }
    return NULL;
}

void bb_contain_count(bb_contain *contain, const char *event, const char *topic,
                      const bb_run_counts *counts)
{
    bb_contain_row *row = find_row(contain, event);
    if (!row && contain->row_count < BB_CONTAIN_ROWS) {
        row = &contain->rows[contain->row_count++];
        g_strlcpy(row->event, event, sizeof(row->event));
        g_strlcpy(row->topic, topic, sizeof(row->topic));
    }
    if (row)
        row->counts = *counts;
}

/* What was in hand is read again. */
void bb_contain_carry(bb_contain *contain)
{
    for (guint i = 0; i < contain->row_count; i++) {
        bb_run_counts *counts = &contain->rows[i].counts;
        bb_run_counts *before = &contain->rows[i].before;
        before->consumed +=
            counts->handled + counts->dropped + counts->dead_lettered + counts->deferred;
        before->handled += counts->handled;
        before->dropped += counts->dropped;
        before->dead_lettered += counts->dead_lettered;
        before->deferred += counts->deferred;
        before->retries += counts->retries;
        before->lost += counts->lost;
        memset(counts, 0, sizeof(*counts));
    }
}

gboolean bb_contain_is_quarantined(const bb_contain *contain, const char *plugin)
{
    for (guint i = 0; plugin && i < contain->quarantined; i++) {
        if (strcmp(contain->quarantine[i], plugin) == 0)
            return TRUE;
    }
    return FALSE;
}
