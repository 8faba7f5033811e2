/* Looking a plugin up in a manifest. */
#include "plugin/manifest.h"

#include <string.h>
#include <sys/stat.h>

#include "base/error.h"

enum { MANIFEST_MAX = 1 << 20, HASH_LENGTH = 64 };

/* A list that others may write says nothing. */
static gboolean read_manifest(const char *manifest, char **ret_text, GError **error)
{
    struct stat info;
    g_autoptr(GError) reason = NULL;
    if (stat(manifest, &info) == 0 && (!S_ISREG(info.st_mode) || info.st_size > MANIFEST_MAX ||
                                       (info.st_mode & (S_IWGRP | S_IWOTH)) != 0)) {
        g_set_error(
            error, BB_ERROR, BB_ERROR_PLUGIN,
            "the manifest %s must be a regular file of at most 1 MiB that only its owner may "
            "write; its mode is %04o",
            manifest, info.st_mode & 07777);
        return FALSE;
    }
    if (g_file_get_contents(manifest, ret_text, NULL, &reason))
        return TRUE;
    g_set_error(error, BB_ERROR, BB_ERROR_IO, "the manifest cannot be read: %s", reason->message);
    return FALSE;
}

/* "<64 hex digits> <space or *><name>": the name, or NULL for another line. */
static const char *name_of(const char *line)
{
    if (strspn(line, "0123456789abcdefABCDEF") != HASH_LENGTH || line[HASH_LENGTH] != ' ')
        return NULL;
    const char *name = line + HASH_LENGTH + 1;
    if (*name == ' ' || *name == '*')
        name++;
    return *name ? name : NULL;
}

static gboolean is_name_of(const char *name, const char *path)
{
    const char *last = strrchr(path, '/');
    if (strchr(name, '/'))
        return strcmp(name, path) == 0;
    return strcmp(name, last ? last + 1 : path) == 0;
}

gboolean bb_manifest_check(const char *manifest, const char *path, GBytes *bytes, GError **error)
{
    g_autofree char *text = NULL;
    if (!read_manifest(manifest, &text, error))
        return FALSE;
    g_autofree char *hash = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, bytes);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    const char *other = NULL;
    for (char **line = lines; *line; line++) {
        const char *name = name_of(g_strchomp(*line));
        if (!name || !is_name_of(name, path))
            continue;
        if (g_ascii_strncasecmp(*line, hash, HASH_LENGTH) == 0)
            return TRUE;
        other = *line;
    }
    if (other)
        g_set_error(error, BB_ERROR, BB_ERROR_PLUGIN,
                    "%s: its SHA-256 is %s, the manifest %s has %.64s; it was changed, or the "
                    "manifest is of another build",
                    path, hash, manifest, other);
    else
        g_set_error(error, BB_ERROR, BB_ERROR_PLUGIN,
                    "%s: is not in the manifest %s; add the line '%s  %s' if it may be loaded",
                    path, manifest, hash, strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
    return FALSE;
}
