# Which MicroPython is this, where does it run, and how much memory is free?
import sys

name = sys.implementation.name
version = sys.implementation.version
print("hello from", name, "%d.%d" % (version[0], version[1]))
print("it runs on", sys.platform)
# TODO: print how much memory is free, as `free memory: 245 KB`; gc.mem_free() of the module gc knows it in bytes
