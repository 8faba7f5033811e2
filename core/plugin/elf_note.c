/* The note of the plugin contract in a file, read before anything of the file runs. */
#include <elf.h>
#include <link.h>
#include <string.h>

#include <busbar/plugin.h>

#include "plugin/elf_file.h"
#include "plugin/refuse.h"

enum { ALIGN = 4 };

static gboolean judge(const char *path, const busbar_note *note, GError **error)
{
    if (note->magic != BUSBAR_MAGIC)
        return bb_plugin_refuse(
            error, path,
            "its note has the magic number 0x%08x, this host looks for 0x%08x; build it "
            "with busbar's header",
            note->magic, BUSBAR_MAGIC);
    if (note->abi_major != BUSBAR_ABI_MAJOR || note->abi_minor > BUSBAR_ABI_MINOR)
        return bb_plugin_refuse(
            error, path, "its note says plugin contract %u.%u, this host has %u.%u; %s",
            note->abi_major, note->abi_minor, BUSBAR_ABI_MAJOR, BUSBAR_ABI_MINOR,
            note->abi_major < BUSBAR_ABI_MAJOR ? "build the plugin with this host's header"
                                               : "use a newer busbar");
    if (note->abi_minor == BUSBAR_ABI_MINOR && (note->header_hash[0] != BUSBAR_HEADER_HASH_HIGH ||
                                                note->header_hash[1] != BUSBAR_HEADER_HASH_LOW))
        return bb_plugin_refuse(
            error, path,
            "its note says plugin contract %u.%u with header %08x%08x, this host's header "
            "of that version is %08x%08x; build the plugin with this host's header",
            note->abi_major, note->abi_minor, note->header_hash[0], note->header_hash[1],
            BUSBAR_HEADER_HASH_HIGH, BUSBAR_HEADER_HASH_LOW);
    return TRUE;
}

static gsize aligned(gsize size)
{
    return (size + ALIGN - 1) & ~(gsize)(ALIGN - 1);
}

/* All notes of one segment. Sizes come from the file, so each step is held against what is left. */
static gboolean check_segment(const char *path, const unsigned char *at, gsize left,
                              gboolean *ret_found, GError **error)
{
    while (left >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) head;
        memcpy(&head, at, sizeof(head));
        gsize room = left - sizeof(head);
        if (head.n_namesz > room || head.n_descsz > room ||
            aligned(head.n_namesz) + aligned(head.n_descsz) > room)
            return TRUE; /* the rest is no list of notes */
        gsize size = sizeof(head) + aligned(head.n_namesz) + aligned(head.n_descsz);
        if (head.n_namesz == sizeof(BUSBAR_NOTE_NAME) && head.n_type == BUSBAR_NOTE_TYPE &&
            size == sizeof(busbar_note) &&
            memcmp(at + sizeof(head), BUSBAR_NOTE_NAME, sizeof(BUSBAR_NOTE_NAME)) == 0) {
            busbar_note note;
            memcpy(&note, at, sizeof(note));
            *ret_found = TRUE;
            if (!judge(path, &note, error))
                return FALSE;
        }
        at += size;
        left -= size;
    }
    return TRUE;
}

/* The program headers were found to be inside by bb_elf_check; what they point at is looked at
 * here.
 */
gboolean bb_elf_check_note(const char *path, const unsigned char *data, gsize size,
                           gboolean *ret_found, GError **error)
{
    ElfW(Ehdr) header;
    *ret_found = FALSE;
    memcpy(&header, data, sizeof(header));
    for (guint i = 0; i < header.e_phnum; i++) {
        ElfW(Phdr) segment;
        memcpy(&segment, data + header.e_phoff + i * sizeof(segment), sizeof(segment));
        if (segment.p_type != PT_NOTE)
            continue;
        if (segment.p_offset > size || segment.p_filesz > size - segment.p_offset)
            return bb_plugin_refuse(error, path,
                                    "damaged: its notes end behind the file; build it again");
        if (!check_segment(path, data + segment.p_offset, segment.p_filesz, ret_found, error))
            return FALSE;
    }
    return TRUE;
}
