# SPDX-License-Identifier: 0BSD
"""Close the parent's copy of the connection after the fork."""

import os
import signal
import socket

with socket.create_server(("127.0.0.1", 0)) as listener:
    server = os.fork()
    if server == 0:
        try:
            while True:
                connection, _ = listener.accept()
                if os.fork() == 0:
                    try:
                        with connection:
                            connection.sendall(b"onward")
                    finally:
                        os._exit(0)
                connection.close()
                os.wait()
        finally:
            os._exit(1)
    try:
        with socket.create_connection(listener.getsockname()) as client:
            print(client.recv(1024), flush=True)
            print(client.recv(1024))
    finally:
        os.kill(server, signal.SIGTERM)
        os.waitpid(server, 0)
