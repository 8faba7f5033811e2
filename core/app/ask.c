/* Framing of questions and answers: a head of two numbers, then the text of an answer. */
#include "app/ask.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

enum { ANSWER_MAX = 64 * 1024 * 1024, BODY_EXTRA_MS = 3000 };

typedef struct head {
    guint32 serial;
    guint32 number; /* kind of a question, size of an answer */
} head;

static gboolean send_all(int socket, const void *data, gsize size)
{
    const char *at = data;
    while (size) {
        ssize_t sent = send(socket, at, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return FALSE;
        at += sent;
        size -= (gsize)sent;
    }
    return TRUE;
}

/* `deadline_ms` -1: as long as it takes. */
static gboolean receive_all(int socket, void *data, gsize size, gint64 deadline_ms)
{
    char *at = data;
    while (size) {
        gint64 left_ms = deadline_ms < 0 ? -1 : MAX(deadline_ms - bb_clock_monotonic_ms(), 0);
        struct pollfd wait = {.fd = socket, .events = POLLIN};
        int ready = poll(&wait, 1, (int)left_ms);
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t got = ready > 0 ? recv(socket, at, size, 0) : 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return FALSE;
        at += got;
        size -= (gsize)got;
    }
    return TRUE;
}

gboolean bb_ask_send(int socket, guint32 serial, bb_ask_kind kind)
{
    const head question = {serial, (guint32)kind};
    /* a worker that takes no questions must not hold up who asks */
    return send(socket, &question, sizeof(question), MSG_NOSIGNAL | MSG_DONTWAIT) ==
           (ssize_t)sizeof(question);
}

GString *bb_ask_receive(int socket, guint32 serial, gint64 deadline_ms)
{
    head answer;
    while (receive_all(socket, &answer, sizeof(answer), deadline_ms)) {
        if (answer.number > ANSWER_MAX)
            return NULL;
        GString *text = g_string_sized_new(answer.number);
        g_string_set_size(text, answer.number);
        gboolean whole = receive_all(socket, text->str, answer.number, deadline_ms + BODY_EXTRA_MS);
        if (whole && answer.serial == serial)
            return text;
        g_string_free(text, TRUE);
        if (!whole)
            (void)shutdown(socket, SHUT_RDWR); /* where the next answer begins cannot be told */
    }
    return NULL;
}

gboolean bb_ask_wait(int socket, guint32 *ret_serial, bb_ask_kind *ret_kind)
{
    head question;
    if (!receive_all(socket, &question, sizeof(question), -1))
        return FALSE;
    *ret_serial = question.serial;
    *ret_kind = (bb_ask_kind)question.number;
    return TRUE;
}

gboolean bb_ask_answer(int socket, guint32 serial, const GString *text)
{
    const head answer = {serial, (guint32)text->len};
    return send_all(socket, &answer, sizeof(answer)) && send_all(socket, text->str, text->len);
}
