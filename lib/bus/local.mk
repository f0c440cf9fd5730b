# lib/bus
