// berth-bindgen: turns a WIT world into a C++ header.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "bindgen/emit.h"
#include "bindgen/names.h"
#include "bindgen/wit.h"

namespace berth::bindgen {
namespace {

// What `program args...` prints; its errors go to ours.
Result<std::string> output_of(std::vector<std::string> command) {
  int fds[2];
  if (pipe(fds) != 0) return fail(Code::kInternal, std::string("pipe: ") + std::strerror(errno));
  std::vector<char*> argv;
  for (std::string& s : command) argv.push_back(s.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) return fail(Code::kInternal, std::string("fork: ") + std::strerror(errno));
  if (child == 0) {
    dup2(fds[1], STDOUT_FILENO);
    close(fds[0]);
    close(fds[1]);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  close(fds[1]);
  std::string out;
  char buffer[65536];
  for (;;) {
    const ssize_t n = read(fds[0], buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    out.append(buffer, static_cast<std::size_t>(n));
  }
  close(fds[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    return fail(Code::kNotFound, "cannot run " + command[0] + "; run ./dev setup, or pass --wasm-tools PATH");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return fail(Code::kInvalidArgument, command[0] + " could not read the WIT (its message is above)");
  return out;
}

std::string default_wasm_tools() {
  if (const char* tools = std::getenv("BERTH_TOOLS"); tools != nullptr && *tools != '\0') {
    std::string path = std::string(tools) + "/wasm-tools";
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return "wasm-tools";
}

struct Options {
  std::string wit;
  std::string world;
  std::string out;
  std::string space;
  std::string wasm_tools = default_wasm_tools();
  std::vector<std::string> async;
};

Result<void> run(const Options& options) {
  const std::string json =
      BERTH_TRY(output_of({options.wasm_tools, "component", "wit", "--json", options.wit}));
  const Wit wit = BERTH_TRY(read_wit(json, options.world));
  const std::string root = options.space.empty() ? "wit::" + snake(wit.world.name) : options.space;
  const std::string header = BERTH_TRY(emit_header(wit, {.root = root, .async = options.async}));
  if (options.out.empty()) {
    std::cout << header;
    return {};
  }
  std::ofstream file(options.out, std::ios::binary | std::ios::trunc);
  file << header;
  file.close();
  if (!file) return fail(Code::kUnavailable, "cannot write " + options.out + ": " + std::strerror(errno));
  return {};
}

}  // namespace
}  // namespace berth::bindgen

int main(int argc, char** argv) {
  berth::bindgen::Options options;
  CLI::App app(
      "Typed C++ bindings from WIT.\n\nExample: berth-bindgen wit store --async store#get -o store.h",
      "berth-bindgen");
  app.add_option("WIT", options.wit, "directory or file with the WIT")->required();
  app.add_option("WORLD", options.world, "world, as name or ns:pkg/name")->required();
  app.add_option("-o,--output", options.out, "header to write (standard output otherwise)");
  app.add_option("--async", options.async,
                 "function that waits: iface#func, iface#resource.method, or a whole iface")
      ->allow_extra_args(false);
  app.add_option("--namespace", options.space, "root namespace (wit::<world> otherwise)");
  app.add_option("--wasm-tools", options.wasm_tools, "the wasm-tools program");
  CLI11_PARSE(app, argc, argv);
  if (auto r = berth::bindgen::run(options); !r) {
    std::cerr << "berth-bindgen: " << options.wit << ": " << r.error().message() << "\n";
    return 1;
  }
  return 0;
}
