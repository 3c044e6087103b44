# Which MicroPython is this, where does it run, and how much memory is free?
import gc
import sys

name = sys.implementation.name
version = sys.implementation.version
print("hello from", name, "%d.%d" % (version[0], version[1]))
print("it runs on", sys.platform)
print("free memory:", gc.mem_free() // 1024, "KB")
