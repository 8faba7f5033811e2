/* A proxy between Kafka clients and brokers that knows frames: it holds, drops, swaps, throttles or
 * resets them by kind.
 *
 *   chaos_proxy HOST:PORT...   a port of loopback for each broker; prints them, one a line, then a
 *                              line for each time that a rule acts
 *
 * Addresses of these brokers in answers are replaced, so that clients stay on the proxy. Rules are
 * read from standard input, one a line; the proxy ends with its input.
 *
 *   ACTION request|response API BROKER NTH [NUMBER]
 *     ACTION  hold        for NUMBER ms (-1: until `release`), with what is behind it on its
 *                         connection; delivered even when its sender is gone
 *             drop        the frame is gone, the connection stays
 *             swap        the next frame of the connection comes first
 *             throttle    from here on NUMBER bytes a second on this connection
 *             reset       both ends see the connection reset
 *             note        nothing, but the line that says so
 *     API     number of the request's kind, or *       BROKER  1, 2, ... or *
 *     NTH     counts the frames that fit the rule; "3+": from the third on
 *   clear     no rules any more
 *   release   what is held goes on */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_BROKERS = 8,
    MAX_RULES = 64,
    MAX_OPEN = 400,
    WAITING = 256,
    ANY = -1,
    HEAD = 4,
    LARGEST = 64 << 20
};
enum { REQUEST, RESPONSE };
#define UNTIL_RELEASED INT64_MAX

typedef struct broker {
    struct sockaddr_in address;
    char host[64];
    int port, proxy_port, listener;
} broker;

typedef struct rule {
    char action[16];
    int direction, api, broker, number;
    long nth, seen;
    bool onwards;
} rule;

typedef struct frame {
    struct frame *next;
    int64_t due_ms;
    size_t size, sent;
    unsigned char bytes[];
} frame;

/* One direction of a connection. */
typedef struct way {
    int from, to; /* -1: closed */
    unsigned char *in;
    size_t size, room;
    frame *first, *last;
    frame *swapped; /* waits for the next one */
    int64_t free_at_ms;
    int bytes_per_second;
} way;

typedef struct pair {
    bool open;
    int broker;
    way ways[2];
    struct {
        int32_t id;
        int16_t api;
    } asked[WAITING]; /* requests without an answer, as a ring */
    unsigned next;
} pair;

static broker brokers[MAX_BROKERS];
static int broker_count;
static rule rules[MAX_RULES];
static int rule_count;
static pair pairs[MAX_OPEN];

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int32_t read_int(const unsigned char *at)
{
    return (int32_t)((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]);
}

static void write_int(unsigned char *at, int32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)((uint32_t)value >> (24 - 8 * i));
}

static void close_pair(pair *at, bool reset)
{
    struct linger now = {1, 0};
    for (int i = 0; i < 2; i++) {
        way *side = &at->ways[i];
        if (reset && side->from >= 0)
            (void)setsockopt(side->from, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        if (side->from >= 0)
            (void)close(side->from);
        for (frame *next; side->first; side->first = next) {
            next = side->first->next;
            free(side->first);
        }
        free(side->swapped);
        free(side->in);
    }
    memset(at, 0, sizeof(*at));
}

/* The sender is gone: what it has sent still goes on its way. */
static void half_close(pair *at, int direction)
{
    way *side = &at->ways[direction], *other = &at->ways[1 - direction];
    if (side->from >= 0)
        (void)close(side->from);
    side->from = other->to = -1;
    for (frame *next; other->first; other->first = next) {
        next = other->first->next;
        free(other->first);
    }
    other->last = NULL;
}

static bool matches(const rule *one, int direction, int api, int number)
{
    return one->direction == direction && (one->api == ANY || one->api == api) &&
           (one->broker == ANY || one->broker == number);
}

/* The rule that acts on this frame; all that fit count it. */
static const rule *find_rule(int direction, int api, int number)
{
    const rule *due = NULL;
    for (int i = 0; i < rule_count; i++) {
        rule *one = &rules[i];
        if (!matches(one, direction, api, number))
            continue;
        one->seen++;
        if (!due && (one->seen == one->nth || (one->onwards && one->seen > one->nth)))
            due = one;
    }
    return due;
}

/* Host and port stand behind one another in every answer that has them. */
static void replace_addresses(unsigned char *bytes, size_t size)
{
    for (int i = 0; i < broker_count; i++) {
        size_t length = strlen(brokers[i].host);
        for (unsigned char *at = bytes; size >= length + 4; at++) {
            at = memmem(at, (size_t)(bytes + size - at), brokers[i].host, length);
            if (!at || at + length + 4 > bytes + size)
                break;
            if (read_int(at + length) == brokers[i].port)
                write_int(at + length, brokers[i].proxy_port);
        }
    }
}

/* The kind of a frame; of an answer it is the kind of its request. */
static int api_of(pair *at, int direction, const unsigned char *body)
{
    if (direction == REQUEST) {
        int api = body[0] << 8 | body[1];
        at->asked[at->next % WAITING].id = read_int(body + 4);
        at->asked[at->next++ % WAITING].api = (int16_t)api;
        return api;
    }
    int32_t id = read_int(body);
    for (unsigned back = 1; back <= WAITING && back <= at->next; back++)
        if (at->asked[(at->next - back) % WAITING].id == id)
            return at->asked[(at->next - back) % WAITING].api;
    return ANY;
}

static void queue(way *side, frame *one)
{
    if (side->last)
        side->last->next = one;
    else
        side->first = one;
    side->last = one;
}

/* FALSE when the connection is gone. */
static bool act(pair *at, int direction, int api, frame *one)
{
    way *side = &at->ways[direction];
    const rule *due = find_rule(direction, api, at->broker + 1);
    const char *action = due ? due->action : "";
    if (due)
        printf("%lld %s %s api=%d broker=%d size=%zu\n", (long long)now_ms(), action,
               direction == REQUEST ? "request" : "response", api, at->broker + 1, one->size);
    if (strcmp(action, "reset") == 0) {
        free(one);
        close_pair(at, true);
        return false;
    }
    if (strcmp(action, "drop") == 0) {
        free(one);
        return true;
    }
    if (strcmp(action, "swap") == 0 && !side->swapped) {
        side->swapped = one;
        return true;
    }
    if (strcmp(action, "throttle") == 0)
        side->bytes_per_second = due->number;
    if (strcmp(action, "hold") == 0)
        one->due_ms = due->number < 0 ? UNTIL_RELEASED : now_ms() + due->number;
    queue(side, one);
    if (side->swapped)
        queue(side, side->swapped);
    side->swapped = NULL;
    return true;
}

/* Takes whole frames out of what was read. FALSE when the connection is gone. */
static bool cut_frames(pair *at, int direction)
{
    way *side = &at->ways[direction];
    size_t done = 0;
    while (side->size - done >= HEAD) {
        int32_t length = read_int(side->in + done);
        if (length < 8 || length > LARGEST) {
            close_pair(at, true);
            return false;
        }
        size_t whole = (size_t)length + HEAD;
        if (side->size - done < whole)
            break;
        frame *one = calloc(1, sizeof(*one) + whole);
        if (!one)
            abort();
        one->size = whole;
        memcpy(one->bytes, side->in + done, whole);
        done += whole;
        int api = api_of(at, direction, one->bytes + HEAD);
        if (direction == RESPONSE)
            replace_addresses(one->bytes + HEAD, whole - HEAD);
        if (!act(at, direction, api, one))
            return false;
    }
    memmove(side->in, side->in + done, side->size - done);
    side->size -= done;
    return true;
}

static void receive(pair *at, int direction)
{
    way *side = &at->ways[direction];
    if (side->room - side->size < 65536) {
        side->room = side->room * 2 + 131072;
        side->in = realloc(side->in, side->room);
        if (!side->in)
            abort();
    }
    ssize_t got = recv(side->from, side->in + side->size, side->room - side->size, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        half_close(at, direction);
        return;
    }
    side->size += (size_t)got;
    (void)cut_frames(at, direction);
}

/* Sends what is due. Returns the milliseconds until more is, -1: nothing waits for a time. */
static int64_t deliver(pair *at, int direction)
{
    way *side = &at->ways[direction];
    while (side->first && side->to >= 0) {
        frame *one = side->first;
        int64_t now = now_ms(),
                due = one->due_ms > side->free_at_ms ? one->due_ms : side->free_at_ms;
        if (due > now)
            return due - now;
        ssize_t sent = send(side->to, one->bytes + one->sent, one->size - one->sent, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN))
            return 5;
        if (sent < 0) {
            half_close(at, 1 - direction);
            return -1;
        }
        one->sent += (size_t)sent;
        if (side->bytes_per_second)
            side->free_at_ms = now + (int64_t)sent * 1000 / side->bytes_per_second;
        if (one->sent < one->size)
            continue;
        side->first = one->next;
        if (!side->first)
            side->last = NULL;
        free(one);
    }
    return -1;
}

static int open_socket(void)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static void take_client(int number)
{
    int client = accept4(brokers[number].listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0)
        return;
    pair *at = pairs;
    while (at < pairs + MAX_OPEN && at->open)
        at++;
    int up = at < pairs + MAX_OPEN ? open_socket() : -1;
    if (up < 0 || (connect(up, (const struct sockaddr *)&brokers[number].address,
                           sizeof(brokers[number].address)) != 0 &&
                   errno != EINPROGRESS)) {
        if (up >= 0)
            (void)close(up);
        (void)close(client);
        return;
    }
    at->open = true;
    at->broker = number;
    at->ways[REQUEST].from = at->ways[RESPONSE].to = client;
    at->ways[REQUEST].to = at->ways[RESPONSE].from = up;
}

static bool add_broker(const char *text)
{
    broker *at = &brokers[broker_count];
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(own);
    if (broker_count >= MAX_BROKERS || sscanf(text, "%63[0-9.]:%d", at->host, &at->port) != 2)
        return false;
    at->address.sin_family = AF_INET;
    at->address.sin_port = htons((uint16_t)at->port);
    if (inet_pton(AF_INET, at->host, &at->address.sin_addr) != 1)
        return false;
    at->listener = open_socket();
    if (bind(at->listener, (struct sockaddr *)&own, size) != 0 || listen(at->listener, 128) != 0 ||
        getsockname(at->listener, (struct sockaddr *)&own, &size) != 0)
        return false;
    at->proxy_port = ntohs(own.sin_port);
    printf("%d\n", at->proxy_port);
    broker_count++;
    return true;
}

static void release_held(void)
{
    for (pair *at = pairs; at < pairs + MAX_OPEN; at++) {
        for (int i = 0; at->open && i < 2; i++)
            for (frame *one = at->ways[i].first; one; one = one->next)
                if (one->due_ms == UNTIL_RELEASED)
                    one->due_ms = 0;
    }
}

static void add_rule(const char *line)
{
    char direction[16], api[16], number[16], nth[16];
    rule one = {0};
    if (strncmp(line, "clear", 5) == 0) {
        rule_count = 0;
        return;
    }
    if (strncmp(line, "release", 7) == 0) {
        release_held();
        return;
    }
    int found = sscanf(line, "%15s %15s %15s %15s %15s %d", one.action, direction, api, number, nth,
                       &one.number);
    if (found < 5 || rule_count >= MAX_RULES) {
        fprintf(stderr, "chaos_proxy: no rule: %s", line);
        exit(2);
    }
    one.direction = strcmp(direction, "request") == 0 ? REQUEST : RESPONSE;
    one.api = *api == '*' ? ANY : atoi(api);
    one.broker = *number == '*' ? ANY : atoi(number);
    one.nth = atol(nth);
    one.onwards = strchr(nth, '+') != NULL;
    rules[rule_count++] = one;
}

/* FALSE at the end of the input. */
static bool read_rules(void)
{
    static char text[4096];
    static size_t size;
    ssize_t got = read(STDIN_FILENO, text + size, sizeof(text) - 1 - size);
    if (got <= 0)
        return false;
    size += (size_t)got;
    text[size] = '\0';
    for (char *end; (end = strchr(text, '\n'));) {
        *end = '\0';
        add_rule(text);
        size -= (size_t)(end + 1 - text);
        memmove(text, end + 1, size + 1);
    }
    return true;
}

/* Closes what has nobody left to talk to. */
static void sweep(pair *at)
{
    for (int i = 0; i < 2; i++) {
        way *side = &at->ways[i];
        if (side->from < 0 && !side->first && side->to >= 0) {
            if (side->swapped) {
                queue(side, side->swapped);
                side->swapped = NULL;
                continue;
            }
            half_close(at, 1 - i);
        }
    }
    if (at->ways[0].from < 0 && at->ways[1].from < 0)
        close_pair(at, false);
}

static int wait_ms(void)
{
    int64_t least = 1000;
    for (pair *at = pairs; at < pairs + MAX_OPEN; at++) {
        for (int i = 0; at->open && i < 2; i++) {
            int64_t due = deliver(at, i);
            if (due >= 0 && due < least)
                least = due;
        }
        if (at->open)
            sweep(at);
    }
    return (int)least;
}

static bool turn(void)
{
    static struct pollfd list[MAX_OPEN * 2 + MAX_BROKERS + 1];
    static pair *owner[MAX_OPEN * 2 + MAX_BROKERS + 1];
    int wait = wait_ms(), count = 0;
    list[count++] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
    for (int i = 0; i < broker_count; i++)
        list[count++] = (struct pollfd){brokers[i].listener, POLLIN, 0};
    for (pair *at = pairs; at < pairs + MAX_OPEN; at++)
        for (int i = 0; at->open && i < 2; i++)
            if (at->ways[i].from >= 0) {
                owner[count] = at;
                list[count++] = (struct pollfd){at->ways[i].from, POLLIN, 0};
            }
    if (poll(list, (nfds_t)count, wait) < 0 && errno != EINTR)
        return false;
    for (int i = broker_count + 1; i < count; i++) {
        for (int k = 0; list[i].revents && owner[i]->open && k < 2; k++)
            if (owner[i]->ways[k].from == list[i].fd)
                receive(owner[i], k);
    }
    for (int i = 0; i < broker_count; i++)
        if (list[1 + i].revents)
            take_client(i);
    return !list[0].revents || read_rules();
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* who waits for a rule reads along */
    for (int i = 1; i < argc; i++)
        if (!add_broker(argv[i])) {
            fprintf(stderr, "chaos_proxy: `%s` is not HOST:PORT with a host in numbers\n", argv[i]);
            return 2;
        }
    while (broker_count && turn())
        ;
    return broker_count ? 0 : 2;
}
