// The berth program.
#include "cli/commands.h"

int main(int argc, char** argv) { return berth::cli::run_program(argc, argv); }
