// files: file operations, given as arguments with "--" between them; prints what came of each.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int done(int result) {
  if (result < 0)
    printf("error %d %s\n", errno, strerror(errno));
  else
    printf("ok\n");
  return 0;
}

static int read_file(const char* path) {
  char buffer[64];
  const int fd = open(path, O_RDONLY);
  if (fd < 0) return done(-1);
  const ssize_t n = read(fd, buffer, sizeof buffer);
  if (n < 0) return done(-1);
  printf("ok %.*s\n", (int)n, buffer);
  return 0;
}

static int write_file(const char* path, int flags, const char* text) {
  const int fd = open(path, O_WRONLY | flags, 0644);
  if (fd < 0) return done(-1);
  return done(write(fd, text, strlen(text)) < 0 ? -1 : 0);
}

static int run(int argc, char** argv) {
  const char* op = argc > 0 ? argv[0] : "";
  const char* a = argc > 1 ? argv[1] : "";
  const char* b = argc > 2 ? argv[2] : "";
  if (!strcmp(op, "read")) return read_file(a);
  if (!strcmp(op, "create")) return write_file(a, O_CREAT | O_EXCL, b);
  if (!strcmp(op, "overwrite")) return write_file(a, 0, b);
  if (!strcmp(op, "append")) return write_file(a, O_APPEND, b);
  if (!strcmp(op, "truncate")) return write_file(a, O_TRUNC, "");
  if (!strcmp(op, "mkdir")) return done(mkdir(a, 0755));
  if (!strcmp(op, "rmdir")) return done(rmdir(a));
  if (!strcmp(op, "unlink")) return done(unlink(a));
  if (!strcmp(op, "rename")) return done(rename(a, b));
  if (!strcmp(op, "link")) return done(link(a, b));
  if (!strcmp(op, "symlink")) return done(symlink(a, b));
  if (!strcmp(op, "probe")) {
    long refused = 0;
    for (long left = atol(b); left > 0; --left) refused += open(a, O_WRONLY | O_CREAT, 0644) < 0;
    printf("refused %ld\n", refused);
    return 0;
  }
  if (!strcmp(op, "list")) {
    DIR* dir = opendir(a);
    if (dir == NULL) return done(-1);
    for (struct dirent* entry = readdir(dir); entry != NULL; entry = readdir(dir))
      printf("entry %s\n", entry->d_name);
    return done(closedir(dir));
  }
  printf("unknown operation %s\n", op);
  return 1;
}

int main(int argc, char** argv) {
  int result = 0;
  for (int at = 1, end = 1; at < argc; at = end + 1) {
    for (end = at; end < argc && strcmp(argv[end], "--");) ++end;
    result |= run(end - at, argv + at);
  }
  return result;
}
