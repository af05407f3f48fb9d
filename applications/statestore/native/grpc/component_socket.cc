// ComponentSocket: whose the place is, modes, and a socket that appears when it serves.
#include "applications/statestore/native/grpc/component_socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "applications/statestore/native/grpc/store_calls.h"

namespace berth::statestore {

namespace fs = std::filesystem;

namespace {

std::string because(int error) { return ": " + std::system_category().message(error); }

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  const int fd_;
};

// gRPC reads addresses as URIs.
std::string uri_path(const fs::path& path) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : path.native()) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::strchr("/-._~", c) != nullptr) {
      out += c;
    } else {
      out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<ComponentSocket>> ComponentSocket::open(const fs::path& folder,
                                                               const std::string& name, Settings settings,
                                                               std::uint64_t max_body_bytes,
                                                               std::uint32_t threads,
                                                               std::shared_ptr<Store> store) {
  std::unique_ptr<ComponentSocket> out(
      new ComponentSocket(fs::absolute(folder) / (name + ".sock"),
                          PluggableComponent(name, std::move(settings), std::move(store)), threads));
  BERTH_TRY(out->publish(max_body_bytes + kMessageSlack));
  return out;
}

ComponentSocket::~ComponentSocket() { stop(std::chrono::milliseconds(0)); }

// gRPC would bind where anybody's socket is, with the umask's mode. So it binds in a folder of our own, and
// the socket is moved to its place when it is complete: whoever sees it can call it.
Result<> ComponentSocket::publish(std::uint64_t max_message) {
  const fs::path folder = path_.parent_path();
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  if (::mkdir(folder.c_str(), 0770) != 0 && errno != EEXIST)
    return fail(Code::kPermissionDenied, "cannot make the folder " + folder.string() + because(errno));
  // Held until the socket is in place: of two processes that start at once, one comes second.
  const Descriptor lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.get() < 0 || ::flock(lock.get(), LOCK_EX) != 0)
    return fail(Code::kPermissionDenied, "cannot use the folder " + folder.string() + because(errno));
  BERTH_TRY(clear_place());

  std::string own = (folder / ".berth-XXXXXX").string();
  if (::mkdtemp(own.data()) == nullptr)
    return fail(Code::kPermissionDenied, "cannot write to the folder " + folder.string() + because(errno));
  const fs::path made = fs::path(own) / "s";
  const auto listening = server_.listen("unix:" + uri_path(made), max_message);
  const bool moved =
      listening && ::chmod(made.c_str(), 0660) == 0 && ::rename(made.c_str(), path_.c_str()) == 0;
  const int why = errno;
  ::unlink(made.c_str());
  ::rmdir(own.c_str());
  if (!listening) return fail(listening.error());
  if (!moved) return fail(Code::kPermissionDenied, "cannot put a socket at " + path_.string() + because(why));
  published_ = true;
  return {};
}

// Fails unless there is nothing at the path, or a socket at which nobody listens, which is removed.
Result<> ComponentSocket::clear_place() const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // gRPC binds beside the path, under a name of ours.
  const std::size_t bytes = std::max(path_.native().size(), path_.parent_path().native().size() + 16);
  if (bytes >= sizeof address.sun_path) {
    return fail(Code::kInvalidArgument, "the socket path " + path_.string() + " is too long: it needs " +
                                            std::to_string(bytes) + " bytes and " +
                                            std::to_string(sizeof address.sun_path - 1) +
                                            " are possible; choose a folder with a shorter path");
  }
  struct stat status{};
  if (::lstat(path_.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode))
    return fail(Code::kAlreadyExists, path_.string() + " is no socket; remove it, or choose another folder");
  std::memcpy(address.sun_path, path_.c_str(), path_.native().size());
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (probe.get() < 0) return fail(Code::kUnavailable, "cannot make a socket" + because(errno));
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN) {
    return fail(
        Code::kAlreadyExists,
        path_.string() + " is served already; end that program, or choose another folder or store name");
  }
  if (errno != ECONNREFUSED)
    return fail(Code::kPermissionDenied, "cannot look at " + path_.string() + because(errno));
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT)
    return fail(Code::kPermissionDenied, "cannot replace " + path_.string() + because(errno));
  return {};
}

void ComponentSocket::stop(std::chrono::milliseconds drain) {
  if (std::exchange(published_, false)) ::unlink(path_.c_str());
  server_.stop(drain);
}

}  // namespace berth::statestore
