/* SPDX-License-Identifier: 0BSD
 *
 * The service of server_rates in C, in two designs, for the benchmark.
 *
 *     bench_designs fork|loop LISTENER
 *
 * LISTENER is the number of a descriptor that was inherited.
 */

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#define BUFFER_SIZE 1024
#define EVENTS 64

static int checked(int result, const char *call)
{
    if (result < 0) {
        perror(call);
        exit(1);
    }
    return result;
}

/* Receive once, and send it back in capitals: 0 at the end. */
static int answer_once(int connection)
{
    char data[BUFFER_SIZE];
    ssize_t count = recv(connection, data, sizeof data, 0);

    for (ssize_t i = 0; i < count; i++)
        data[i] = (char)toupper((unsigned char)data[i]);
    for (ssize_t sent = 0, part; sent < count; sent += part) {
        part = send(connection, data + sent, count - sent, MSG_NOSIGNAL);
        if (part < 0)
            return 0;
    }
    return count > 0;
}

static void process_each(int listener)
{
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int connection = checked(accept(listener, NULL, NULL), "accept");

        if (checked(fork(), "fork") == 0) {
            close(listener);
            while (answer_once(connection))
                ;
            _exit(0);
        }
        close(connection);
    }
}

static void watch(int epoll, int descriptor)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};

    checked(epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event), "epoll_ctl");
}

static void one_loop(int listener)
{
    struct epoll_event events[EVENTS];
    int epoll = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");

    watch(epoll, listener);
    for (;;) {
        int ready = checked(epoll_wait(epoll, events, EVENTS, -1), "epoll_wait");

        for (int i = 0; i < ready; i++) {
            int descriptor = events[i].data.fd;

            if (descriptor == listener)
                watch(epoll, checked(accept(listener, NULL, NULL), "accept"));
            else if (!answer_once(descriptor))
                close(descriptor);
        }
    }
}

int main(int argc, char *argv[])
{
    if (argc != 3) {
        fprintf(stderr, "usage: bench_designs fork|loop LISTENER\n");
        return 2;
    }
    if (strcmp(argv[1], "fork") == 0)
        process_each(atoi(argv[2]));
    one_loop(atoi(argv[2]));
}
