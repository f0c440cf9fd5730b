# bus: frames (pure), follow-and-repair (pure), and the ZeroMQ port.
