// act: a program that does what its first argument says, for the tests of `berth run`.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int copy(FILE* from, FILE* to) {
  int c;
  if (from == NULL || to == NULL) {
    perror("act");
    return 9;
  }
  while ((c = fgetc(from)) != EOF) fputc(c, to);
  return fflush(to) == 0 ? 0 : 9;
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "exit") == 0) return atoi(argv[2]);
  if (strcmp(what, "args") == 0) {
    for (int i = 0; i < argc; i++) printf("%s\n", argv[i]);
    return 0;
  }
  if (strcmp(what, "env") == 0) {
    for (int i = 2; i < argc; i++) printf("%s=%s\n", argv[i], getenv(argv[i]) ? getenv(argv[i]) : "(unset)");
    return 0;
  }
  if (strcmp(what, "echo") == 0) return copy(stdin, stdout);
  if (strcmp(what, "cat") == 0) return copy(fopen(argv[2], "r"), stdout);
  if (strcmp(what, "write") == 0) {
    FILE* file = fopen(argv[2], "w");
    if (file == NULL) {
      perror("act");
      return 9;
    }
    fputs("written\n", file);
    return fclose(file) == 0 ? 0 : 9;
  }
  if (strcmp(what, "trap") == 0) __builtin_trap();
  if (strcmp(what, "loop") == 0) {
    fputs("looping\n", stderr);
    for (volatile unsigned i = 0;; i++) {
    }
  }
  if (strcmp(what, "sleep") == 0) {
    fputs("sleeping\n", stderr);
    sleep(600);
  }
  return 8;
}
