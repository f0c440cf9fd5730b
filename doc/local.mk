# doc
EXTRA_DIST += %D%/protocol.md
