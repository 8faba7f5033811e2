/* Appending whole lines to a file, all or none. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes the folders above `path`. */
static int make_parents(const char *path)
{
    char folder[4096];
    size_t size = strlen(path);
    if (size >= sizeof(folder))
        return ENAMETOOLONG;
    memcpy(folder, path, size + 1);
    for (char *at = folder + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(folder, 0777) != 0 && errno != EEXIST)
            return errno;
        *at = '/';
    }
    return 0;
}

/* A new file's name is durable only once its folder is. */
static int sync_folder(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) : 1;
    if (size >= sizeof(folder))
        return ENAMETOOLONG;
    memcpy(folder, slash ? path : ".", size);
    folder[size] = '\0';
    int fd = open(size ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int status = fsync(fd) == 0 ? 0 : errno;
    (void)close(fd); /* nothing was written through it */
    return status;
}

/* Opens and locks `path`; the file that is locked is the one the name stands for, even if it was
 * rotated meanwhile. */
static int open_locked(const char *path, int *ret_fd, bool *ret_created)
{
    struct stat by_fd, by_name;
    for (int tries = 0; tries < 100; tries++) {
        bool created = true;
        int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno == EEXIST) {
            created = false;
            fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
        }
        if (fd < 0 && errno == ENOENT && !created)
            continue;
        if (fd < 0)
            return errno;
        if (flock(fd, LOCK_EX) == 0 && fstat(fd, &by_fd) == 0 && stat(path, &by_name) == 0 &&
            by_fd.st_ino == by_name.st_ino && by_fd.st_dev == by_name.st_dev) {
            *ret_fd = fd;
            *ret_created = created;
            return 0;
        }
        (void)close(fd); /* another writer rotated it: once more */
    }
    return EAGAIN;
}

/* Length up to and including the last line feed. */
static int whole_length(int fd, off_t length, off_t *ret_length)
{
    char block[4096];
    while (length > 0) {
        size_t size = length < (off_t)sizeof(block) ? (size_t)length : sizeof(block);
        ssize_t got = pread(fd, block, size, length - (off_t)size);
        if (got != (ssize_t)size)
            return got < 0 ? errno : EIO;
        const char *feed = memrchr(block, '\n', size);
        if (feed) {
            *ret_length = length - (off_t)size + (feed - block) + 1;
            return 0;
        }
        length -= (off_t)size;
    }
    *ret_length = 0;
    return 0;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno;
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

/* Renames to the first free "<path>.<n>"; link() fails where the name is taken, so no file is ever
 * overwritten. */
static int rotate(const char *path)
{
    char name[4200];
    for (unsigned n = 1; n < 1000000; n++) {
        (void)snprintf(name, sizeof(name), "%s.%u", path, n);
        if (link(path, name) == 0)
            return unlink(path) == 0 ? 0 : errno;
        if (errno != EEXIST)
            return errno;
    }
    return EEXIST;
}

/* Cuts a torn line, appends, makes durable. `fd` is locked. */
static int append_locked(int fd, const char *data, size_t size, bool sync, size_t *ret_repaired,
                         const char **ret_step)
{
    struct stat state;
    off_t whole = 0;
    *ret_step = "reading its end";
    int status = fstat(fd, &state) == 0 ? whole_length(fd, state.st_size, &whole) : errno;
    if (status)
        return status;
    *ret_step = "cutting a torn last line";
    if (whole < state.st_size && ftruncate(fd, whole) != 0)
        return errno;
    *ret_repaired = (size_t)(state.st_size - whole);
    *ret_step = "writing";
    status = write_all(fd, data, size);
    if (status == 0 && sync && fdatasync(fd) != 0) {
        *ret_step = "fsync";
        status = errno;
    }
    if (status && ftruncate(fd, whole) != 0)
        *ret_step = "writing, and cutting it off again";
    return status;
}

int jsonl_file_append(const char *path, const char *data, size_t size,
                      const jsonl_file_options *options, size_t *ret_repaired_bytes,
                      const char **ret_step)
{
    bool created = false;
    int fd = -1;
    struct stat state;
    *ret_repaired_bytes = 0;
    *ret_step = "opening";
    int status = open_locked(path, &fd, &created);
    if (status == ENOENT) {
        status = make_parents(path);
        if (status == 0)
            status = open_locked(path, &fd, &created);
    }
    if (status)
        return status;
    if (options->rotate_bytes && fstat(fd, &state) == 0 &&
        (uint64_t)state.st_size >= options->rotate_bytes) {
        *ret_step = "rotating";
        status = rotate(path);
        (void)close(fd); /* the lock goes with it; the new file gets a lock of its own */
        if (status == 0)
            status = open_locked(path, &fd, &created);
        if (status)
            return status;
    }
    status = append_locked(fd, data, size, options->sync, ret_repaired_bytes, ret_step);
    (void)close(fd); /* durable already, or given up */
    if (status == 0 && created && options->sync) {
        *ret_step = "fsync of its folder";
        status = sync_folder(path);
    }
    return status;
}
