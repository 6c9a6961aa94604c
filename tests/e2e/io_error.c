/* Preloaded into a node: once the file that IPAM_IO_ERROR names is there, writing and syncing fail
   with EIO for every file whose name ends with what that file holds. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(int descriptor) {
  const char *trigger = getenv("IPAM_IO_ERROR");
  char ending[256], link[64], path[4096];
  if (trigger == NULL || access(trigger, F_OK) != 0) return 0;
  int file = open(trigger, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t length = read(file, ending, sizeof ending);
  close(file);
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t size = readlink(link, path, sizeof path);
  return length > 0 && size >= length &&
         memcmp(path + size - length, ending, (size_t)length) == 0;
}

#define FAIL_OR(name, type, parameters, arguments)                     \
  type name parameters {                                               \
    static type(*real) parameters;                                     \
    if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, #name);       \
    if (fails(descriptor)) {                                           \
      errno = EIO;                                                     \
      return -1;                                                       \
    }                                                                  \
    return real arguments;                                             \
  }

FAIL_OR(pwrite, ssize_t, (int descriptor, const void *bytes, size_t size, off_t offset),
        (descriptor, bytes, size, offset))
FAIL_OR(pwrite64, ssize_t, (int descriptor, const void *bytes, size_t size, off64_t offset),
        (descriptor, bytes, size, offset))
FAIL_OR(fsync, int, (int descriptor), (descriptor))
FAIL_OR(fdatasync, int, (int descriptor), (descriptor))
