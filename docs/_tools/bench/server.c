/* SPDX-License-Identifier: 0BSD
 *
 * A stream server for the benchmark to measure ours against: it accepts one
 * connection after another, and prints with stdio what each read brings.
 *
 *     bench_server [PATH]
 *
 * Without PATH it listens at a port of the loopback.
 */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/un.h>
#include <sys/socket.h>

#define BUFFER_SIZE 1024

static int checked(int result, const char *call)
{
    if (result < 0) {
        perror(call);
        exit(1);
    }
    return result;
}

static int listener_at(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct sockaddr_in loopback = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const void *address = path ? (void *)&name : (void *)&loopback;
    socklen_t length = path ? sizeof name : sizeof loopback;
    int listener;

    if (path)
        strncpy(name.sun_path, path, sizeof name.sun_path - 1);
    listener = socket(path ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
    checked(listener, "socket");
    checked(bind(listener, address, length), "bind");
    checked(listen(listener, 5), "listen");
    return listener;
}

static void serve(int connection)
{
    char message[BUFFER_SIZE + 1];
    ssize_t count;

    while ((count = read(connection, message, BUFFER_SIZE)) > 0) {
        message[count] = '\0';
        printf("-->%s\n", message);
    }
    if (count < 0)
        perror("read");
    else
        printf("Ending connection\n");
}

int main(int argc, char *argv[])
{
    int listener = listener_at(argc > 1 ? argv[1] : NULL);

    for (;;) {
        int connection = checked(accept(listener, NULL, NULL), "accept");

        serve(connection);
        close(connection);
    }
}
