"""Carriers of the contract: in-thread and Unix socket.

For others: `in_thread.InThreadPort`, `paths.socket_path` and `paths.find_socket`, `server.SocketServer`, `client.SocketClient`, and the
errors of `errors`.
"""
