# bus: frames (pure), follow-and-repair (pure), and the ZeroMQ port.
noinst_HEADERS += %D%/frame.h %D%/zmqport.h %D%/address.h %D%/follower.h
EXTRA_DIST += %D%/may-include
