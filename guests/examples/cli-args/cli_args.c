// cli-args: a preview-1 command module. Prints its arguments, one a line, and the variable GREETING
// if it is set; the exit code is the number of arguments.
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  for (int i = 1; i < argc; i++) printf("%s\n", argv[i]);
  const char* greeting = getenv("GREETING");
  if (greeting != NULL) printf("GREETING=%s\n", greeting);
  return argc - 1;
}
