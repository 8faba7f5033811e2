/* Checks of a plugin's file before anything of it is mapped. */
#include "plugin/elf_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "plugin/refuse.h"

#define FILE_MAX ((gsize)1 << 30)
#define SEGMENTS_MAX 1024

#if defined(__x86_64__)
#define HOST_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define HOST_MACHINE EM_AARCH64
#elif defined(__riscv)
#define HOST_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define HOST_MACHINE EM_PPC64
#elif defined(__s390__)
#define HOST_MACHINE EM_S390
#elif defined(__arm__)
#define HOST_MACHINE EM_ARM
#elif defined(__i386__)
#define HOST_MACHINE EM_386
#else
#error "add this machine's ELF number here"
#endif

#define HOST_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)
#define HOST_DATA (G_BYTE_ORDER == G_LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB)

static const char *machine_name(guint machine, char *buffer, gsize buffer_size)
{
    static const struct {
        guint number;
        const char *name;
    } known[] = {{EM_386, "i386"},        {EM_ARM, "arm"},     {EM_X86_64, "x86-64"},
                 {EM_AARCH64, "aarch64"}, {EM_RISCV, "riscv"}, {EM_PPC64, "ppc64"},
                 {EM_S390, "s390"}};
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
        if (known[i].number == machine) {
            g_snprintf(buffer, buffer_size, "%s (ELF machine %u)", known[i].name, machine);
            return buffer;
        }
    }
    g_snprintf(buffer, buffer_size, "ELF machine %u", machine);
    return buffer;
}

static gboolean check_magic(const char *path, const unsigned char *data, gsize size, GError **error)
{
    char excerpt[40];
    if (!size)
        return bb_plugin_refuse(
            error, path, "the file is empty (0 bytes), a shared object is needed; build it again");
    if (memcmp(data, ELFMAG, MIN(size, (gsize)SELFMAG)) != 0)
        return bb_plugin_refuse(
            error, path,
            "not an ELF file: begins with '%s', a shared object begins with '\\x7fELF'; "
            "name the .so that the plugin's build makes",
            bb_text_excerpt((const char *)data, MIN(size, 12), 32, excerpt, sizeof(excerpt)));
    if (size < sizeof(ElfW(Ehdr)))
        return bb_plugin_refuse(
            error, path,
            "truncated: %zu bytes, the ELF header alone takes %zu; copy or build it again", size,
            sizeof(ElfW(Ehdr)));
    return TRUE;
}

static gboolean check_header(const char *path, const ElfW(Ehdr) * header, GError **error)
{
    char found[48], wanted[48];
    if (header->e_ident[EI_CLASS] != HOST_CLASS)
        return bb_plugin_refuse(
            error, path,
            "ELF class %d (%s-bit), this host needs class %d (%s-bit); build the plugin for "
            "this machine",
            header->e_ident[EI_CLASS],
            header->e_ident[EI_CLASS] == ELFCLASS32   ? "32"
            : header->e_ident[EI_CLASS] == ELFCLASS64 ? "64"
                                                      : "unknown",
            HOST_CLASS, HOST_CLASS == ELFCLASS64 ? "64" : "32");
    if (header->e_ident[EI_DATA] != HOST_DATA)
        return bb_plugin_refuse(
            error, path, "ELF byte order %d, this host needs %d; build the plugin for this machine",
            header->e_ident[EI_DATA], HOST_DATA);
    if (header->e_machine != HOST_MACHINE)
        return bb_plugin_refuse(
            error, path, "made for %s, this host runs on %s; build the plugin for this machine",
            machine_name(header->e_machine, found, sizeof(found)),
            machine_name(HOST_MACHINE, wanted, sizeof(wanted)));
    if (header->e_type != ET_DYN)
        return bb_plugin_refuse(
            error, path, "ELF type %u, a shared object has type %u; link the plugin with -shared",
            header->e_type, ET_DYN);
    return TRUE;
}

static gboolean is_inside(guint64 offset, guint64 length, gsize size)
{
    return offset <= size && length <= size - offset;
}

/* What dlopen would map must be in the file: a page behind its end is a SIGBUS. */
static gboolean check_extent(const char *path, const unsigned char *data, gsize size,
                             const ElfW(Ehdr) * header, GError **error)
{
    gsize length = (gsize)header->e_phnum * sizeof(ElfW(Phdr));
    gboolean has_dynamic = FALSE;
    if (header->e_phentsize != sizeof(ElfW(Phdr)) || !header->e_phnum ||
        header->e_phnum > SEGMENTS_MAX)
        return bb_plugin_refuse(
            error, path,
            "damaged: %u program headers of %u bytes, expected 1 to %d of %zu; build the "
            "plugin again",
            header->e_phnum, header->e_phentsize, SEGMENTS_MAX, sizeof(ElfW(Phdr)));
    if (!is_inside(header->e_phoff, length, size))
        return bb_plugin_refuse(
            error, path,
            "truncated: %zu bytes, its program headers end at byte %" G_GUINT64_FORMAT
            "; copy or build it again",
            size, (guint64)header->e_phoff + length);
    for (guint i = 0; i < header->e_phnum; i++) {
        ElfW(Phdr) segment;
        memcpy(&segment, data + header->e_phoff + i * sizeof(segment), sizeof(segment));
        has_dynamic |= segment.p_type == PT_DYNAMIC;
        if ((segment.p_type == PT_LOAD || segment.p_type == PT_DYNAMIC) &&
            !is_inside(segment.p_offset, segment.p_filesz, size))
            return bb_plugin_refuse(
                error, path,
                "truncated: %zu bytes, segment %u ends at byte %" G_GUINT64_FORMAT
                "; copy or build it again",
                size, i, (guint64)segment.p_offset + (guint64)segment.p_filesz);
    }
    if (!has_dynamic)
        return bb_plugin_refuse(error, path,
                                "has no dynamic segment, so it is no shared object; link the "
                                "plugin with -shared");
    return TRUE;
}

/* Section headers stand at the very end, so they show most truncations. */
static gboolean check_sections(const char *path, gsize size, const ElfW(Ehdr) * header,
                               GError **error)
{
    guint64 length = (guint64)header->e_shnum * header->e_shentsize;
    if (!header->e_shnum || is_inside(header->e_shoff, length, size))
        return TRUE;
    return bb_plugin_refuse(
        error, path,
        "truncated: %zu bytes, its section headers end at byte %" G_GUINT64_FORMAT
        "; copy or build it again",
        size, (guint64)header->e_shoff + length);
}

gboolean bb_elf_check(const char *path, const unsigned char *data, gsize size, GError **error)
{
    ElfW(Ehdr) header;
    if (!check_magic(path, data, size, error))
        return FALSE;
    memcpy(&header, data, sizeof(header));
    return check_header(path, &header, error) && check_extent(path, data, size, &header, error) &&
           check_sections(path, size, &header, error);
}

static const char *kind_name(mode_t mode)
{
    return S_ISDIR(mode)    ? "a directory"
           : S_ISFIFO(mode) ? "a pipe"
           : S_ISCHR(mode)  ? "a character device"
           : S_ISBLK(mode)  ? "a block device"
           : S_ISSOCK(mode) ? "a socket"
                            : "something else";
}

static gboolean check_rights(const char *path, const struct stat *info, GError **error)
{
    if (!S_ISREG(info->st_mode))
        return bb_plugin_refuse(error, path, "is %s, a regular file is needed; name the .so itself",
                                kind_name(info->st_mode));
    if (info->st_uid != 0 && info->st_uid != geteuid())
        return bb_plugin_refuse(
            error, path,
            "belongs to user %u; a plugin must belong to root or to the user that runs "
            "busbar (%u), since its code runs with that user's rights; 'chown %u %s', or "
            "copy it",
            info->st_uid, geteuid(), geteuid(), path);
    if (info->st_mode & (S_IWGRP | S_IWOTH))
        return bb_plugin_refuse(
            error, path,
            "has mode %04o, so %s may change its code; mode %04o is needed; 'chmod go-w %s'",
            info->st_mode & 07777, info->st_mode & S_IWOTH ? "everybody" : "its group",
            info->st_mode & 07777u & ~022u, path);
    return TRUE;
}

/* Whoever may write a folder may put another file in the place of this one. A sticky folder (/tmp)
 * lets only the owner of a file do that. */
static gboolean check_folder(const char *path, const char *folder, GError **error)
{
    struct stat info;
    if (stat(folder, &info) != 0 || !(info.st_mode & (S_IWGRP | S_IWOTH)) ||
        (info.st_mode & S_ISVTX))
        return TRUE;
    return bb_plugin_refuse(
        error, path,
        "the folder %s has mode %04o, so %s may replace the plugin; mode %04o is needed; "
        "'chmod go-w %s', or put the plugin elsewhere",
        folder, info.st_mode & 07777, info.st_mode & S_IWOTH ? "everybody" : "its group",
        info.st_mode & 07777u & ~022u, folder);
}

static gboolean check_folders(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    for (;;) {
        if (!check_folder(path, folder, error))
            return FALSE;
        if (!strchr(folder, '/') || strcmp(folder, "/") == 0)
            return TRUE;
        char *above = g_path_get_dirname(folder);
        g_free(folder);
        folder = above;
    }
}

static gboolean read_all(int fd, const char *path, gsize size, unsigned char *data, GError **error)
{
    for (gsize at = 0; at < size;) {
        ssize_t got = read(fd, data + at, size - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: cannot be read at byte %zu: %s", path,
                        at, got ? g_strerror(errno) : "the file became shorter");
            return FALSE;
        }
        at += (gsize)got;
    }
    return TRUE;
}

static gboolean check_bytes(const char *path, const unsigned char *data, gsize size, GError **error)
{
    gboolean found = FALSE;
    if (!bb_elf_check(path, data, size, error) ||
        !bb_elf_check_note(path, data, size, &found, error))
        return FALSE;
    if (!found)
        bb_log_warning("%s: has no note of busbar, so what it was built for is not known before it "
                       "is loaded; build it again with this version's header",
                       path);
    return TRUE;
}

static gboolean check_open_file(int fd, const char *path, GBytes **ret_bytes, GError **error)
{
    struct stat info;
    if (fstat(fd, &info) != 0) {
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: %s", path, g_strerror(errno));
        return FALSE;
    }
    if (!check_rights(path, &info, error) || !check_folders(path, error))
        return FALSE;
    gsize size = (gsize)info.st_size;
    if (size > FILE_MAX)
        return bb_plugin_refuse(error, path, "is %zu bytes long, at most %zu are accepted", size,
                                FILE_MAX);
    g_autofree unsigned char *data = g_malloc(size + 1);
    if (!read_all(fd, path, size, data, error) || !check_bytes(path, data, size, error))
        return FALSE;
    if (ret_bytes)
        *ret_bytes = g_bytes_new_take(g_steal_pointer(&data), size);
    return TRUE;
}

gboolean bb_plugin_file_check(const char *path, GBytes **ret_bytes, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hang the host */
    if (fd < 0) {
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: cannot be opened: %s; %s", path,
                    g_strerror(errno),
                    errno == EACCES ? "give the user that runs busbar the right to read it"
                                    : "build the plugin or correct the path");
        return FALSE;
    }
    gboolean good = check_open_file(fd, path, ret_bytes, error);
    (void)close(fd); /* read only: nothing to lose */
    return good;
}
