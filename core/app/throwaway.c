/* A child for one piece of work. */
#include "app/throwaway.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/command.h"

static void append_cause(const bb_contain *contain, GString *text)
{
    const bb_mark_note *note = &contain->marks.note;
    for (guint i = 0; i < MIN(contain->marks.used, BB_MARKS); i++) {
        const bb_mark *mark = &contain->marks.marks[i];
        if (mark->stage)
            g_string_append_printf(text, " while %s was being loaded or set up", mark->plugin);
    }
    if (note->complete && *note->stack)
        g_string_append_printf(text, "; stack:\n%s", note->stack);
}

static int judge(const bb_contain *contain, int status)
{
    g_autoptr(GString) text = g_string_new(NULL);
    if (WIFEXITED(status) && contain->ended)
        return WEXITSTATUS(status);
    if (WIFSIGNALED(status))
        g_string_append_printf(text, "the process that loads the plugins was killed by %s (%s)",
                               sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status))
                                                              : "a signal",
                               strsignal(WTERMSIG(status)));
    else
        g_string_append(text, "the process that loads the plugins was ended by a call of exit");
    append_cause(contain, text);
    g_strchomp(text->str);
    bb_app_error("%s", text->str);
    return BB_EXIT_PLUGIN;
}

static int wait_for(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

gboolean bb_throwaway_run(int (*work)(bb_contain *contain, void *user), void *user,
                          bb_contain *contain, int *ret_exit)
{
    bb_contain *own = contain ? contain : bb_contain_new();
    pid_t parent = getpid();
    (void)fflush(NULL); /* what is in a buffer would be written twice */
    pid_t pid = own ? fork() : -1;
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(BB_EXIT_BUG);
        bb_contain_begin(own);
        *ret_exit = work(own, user);
        bb_contain_end(own, *ret_exit);
        return TRUE;
    }
    if (pid < 0) {
        bb_app_error("no process can be started: %s", g_strerror(errno));
        *ret_exit = BB_EXIT_BUG;
    } else {
        *ret_exit = judge(own, wait_for(pid));
    }
    if (!contain)
        bb_contain_free(own);
    return FALSE;
}
