/* For the thread sanitizer only: lets it see the threads and locks of librdkafka, which is not
 * built with it.
 *
 * The distribution's librdkafka makes its threads with thrd_create of C11, which the sanitizer does
 * not know: the first thread would crash in it. Here the C11 calls become the pthread calls that it
 * does know; in glibc both kinds of object have the same layout. Symbols of the program come before
 * those of libraries. GLib's locks are made of futexes and stay invisible: ours are pthread locks.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SANITIZES_THREADS
#endif
#endif

#if defined(__SANITIZE_THREAD__) || defined(SANITIZES_THREADS)

#include <errno.h>
#include <pthread.h>
#include <threads.h>

#include <memory>

extern "C" {

#define EXPORT __attribute__((visibility("default")))

static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "glibc's mutexes are alike");
static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "glibc's conditions are alike");

static int answer(int code)
{
    switch (code) {
    case 0:
        return thrd_success;
    case EBUSY:
        return thrd_busy;
    case ETIMEDOUT:
        return thrd_timedout;
    case ENOMEM:
        return thrd_nomem;
    default:
        return thrd_error;
    }
}

static pthread_mutex_t *mutex(mtx_t *lock)
{
    return reinterpret_cast<pthread_mutex_t *>(lock);
}

static pthread_cond_t *condition(cnd_t *cond)
{
    return reinterpret_cast<pthread_cond_t *>(cond);
}

struct Start {
    thrd_start_t function;
    void *argument;
};

static void *run(void *data)
{
    std::unique_ptr<Start> start(static_cast<Start *>(data));
    return reinterpret_cast<void *>(static_cast<intptr_t>(start->function(start->argument)));
}

EXPORT int thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
    auto *start = new Start{function, argument};
    int code = pthread_create(thread, nullptr, run, start);
    if (code)
        delete start;
    return answer(code);
}

EXPORT int thrd_join(thrd_t thread, int *result)
{
    void *value = nullptr;
    int code = pthread_join(thread, &value);
    if (!code && result)
        *result = static_cast<int>(reinterpret_cast<intptr_t>(value));
    return answer(code);
}

EXPORT int thrd_detach(thrd_t thread)
{
    return answer(pthread_detach(thread));
}

EXPORT int mtx_init(mtx_t *lock, int kind)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, kind & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE
                                                                : PTHREAD_MUTEX_NORMAL);
    int code = pthread_mutex_init(mutex(lock), &attributes);
    pthread_mutexattr_destroy(&attributes);
    return answer(code);
}

EXPORT void mtx_destroy(mtx_t *lock)
{
    pthread_mutex_destroy(mutex(lock));
}

EXPORT int mtx_lock(mtx_t *lock)
{
    return answer(pthread_mutex_lock(mutex(lock)));
}

EXPORT int mtx_trylock(mtx_t *lock)
{
    return answer(pthread_mutex_trylock(mutex(lock)));
}

EXPORT int mtx_unlock(mtx_t *lock)
{
    return answer(pthread_mutex_unlock(mutex(lock)));
}

EXPORT int cnd_init(cnd_t *cond)
{
    return answer(pthread_cond_init(condition(cond), nullptr));
}

EXPORT void cnd_destroy(cnd_t *cond)
{
    pthread_cond_destroy(condition(cond));
}

EXPORT int cnd_signal(cnd_t *cond)
{
    return answer(pthread_cond_signal(condition(cond)));
}

EXPORT int cnd_broadcast(cnd_t *cond)
{
    return answer(pthread_cond_broadcast(condition(cond)));
}

EXPORT int cnd_wait(cnd_t *cond, mtx_t *lock)
{
    return answer(pthread_cond_wait(condition(cond), mutex(lock)));
}

EXPORT int cnd_timedwait(cnd_t *cond, mtx_t *lock, const struct timespec *until)
{
    return answer(pthread_cond_timedwait(condition(cond), mutex(lock), until));
}

} // extern "C"

#endif
