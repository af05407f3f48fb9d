// Processes that are killed, processes and threads that share a store, and a full disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <iostream>
#include <random>
#include <thread>

#include "artifact/store/test_store.h"

namespace berth::artifact {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Runs `body` in another process; its value is the exit code.
pid_t start(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  return pid;
}
// The exit code, or 128 + N when signal N ended it.
int wait_for(pid_t pid) {
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// In a child process nothing of gtest is heard: a failed check ends it with a message.
void require(bool holds, const std::string& what) {
  if (holds) return;
  std::cerr << "child: " << what << "\n";
  ::_exit(1);
}
template <class T>
T get(Result<T> result, const std::string& what) {
  require(result.has_value(), what + ": " + (result ? "" : result.error().to_string()));
  return std::move(result).value();
}

constexpr std::uint64_t kStoreCap = 60'000;

// One update; the leases end with it, as when the process does.
void update(const Store& store, unsigned number) {
  const auto blob = get(store.put_blob(content(number), digest_of(number)), "put a blob");
  const auto compiled = get(put_compiled(store, key_of(number), code(number)), "put compiled code");
  get(store.update_history(
          "w",
          [&](History& history) -> Result<> {
            history.source = std::to_string(number);
            history.running = digest_of(number);
            history.remember_good(
                {.digest = digest_of(number), .reference = std::to_string(number), .since = at(0)}, 3);
            return {};
          }),
      "record");
}

// Updates from version `next` to `last`; each is told on `told` once it is recorded.
void update_all(const fs::path& root, FileSystem& files, unsigned next, unsigned last, int told) {
  const Store store = get(Store::open({.folder = root, .cap_bytes = kStoreCap}, files), "open");
  for (; next <= last; ++next) {
    update(store, next);
    require(::write(told, &next, sizeof next) == sizeof next, "tell");
  }
}

// What must hold after a process was killed: what it told, or the one after it, starts, and so do those
// before. The version to go on with.
unsigned expect_recovered(const fs::path& root, unsigned told) {
  expect_consistent(root);
  SystemFiles files;
  Notices notices;
  const auto store = Store::open({.folder = root, .notice = notices.collect()}, files);
  EXPECT_TRUE(store) << store.error().to_string();
  if (!store) return told + 1;
  const auto history = store->history("w");
  if (!history && told == 0) return 1;
  EXPECT_TRUE(history) << history.error().to_string();
  if (!history) return told + 1;
  const unsigned running = static_cast<unsigned>(std::stoul(history->source));
  EXPECT_TRUE(running == told || running == told + 1) << running << " after " << told;
  for (const GoodVersion& version : history->good) {
    expect_starts(*store, static_cast<unsigned>(std::stoul(version.reference)));
  }
  EXPECT_THAT(notices.texts, ::testing::IsEmpty());
  return running + 1;
}

// Reads what the child told until it is gone; the last number, or `before`.
unsigned last_told(int fd, unsigned before) {
  unsigned number = before;
  unsigned read = 0;
  while (::read(fd, &read, sizeof read) == sizeof read) number = read;
  return number;
}

// The whole number under AddressSanitizer, a share of it elsewhere.
#if __has_feature(address_sanitizer)
constexpr int kKills = 200;
#else
constexpr int kKills = 50;
#endif

TEST(Kill, ManyTimesAtRandom) {
  const TestFolder folder(TestFolder::Where::kInMemory);
  const fs::path root = folder.path() / "store";
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::minstd_rand random(seed);
  unsigned told = 0;
  unsigned next = 1;
  int idle = 0;
  for (int kill = 0; kill < kKills && !HasFailure(); ++kill) {
    SCOPED_TRACE("kill " + std::to_string(kill));
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    SystemFiles files;
    const pid_t child = start([&] {
      update_all(root, files, next, 1'000'000, pipe[1]);
      return 0;
    });
    ::close(pipe[1]);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 30'000));
    ::kill(child, SIGKILL);
    EXPECT_EQ(wait_for(child), 128 + SIGKILL);
    const unsigned now_told = last_told(pipe[0], told);
    ::close(pipe[0]);
    if (now_told == told) ++idle;
    told = now_told;
    next = expect_recovered(root, told);
    told = next - 1;
  }
  std::cout << "SIGKILL at random: " << kKills << " times, " << told << " updates recorded, " << idle
            << " kills before the first of a process\n";
  RecordProperty("updates", static_cast<int>(told));
}

// A process of its own for each step: the first update into a new store, then one that has to make room.
TEST(Kill, AtEachStep) {
  for (const unsigned updates : {0u, 8u}) {
    const TestFolder folder(TestFolder::Where::kInMemory);
    const fs::path root = folder.path() / "store";
    SystemFiles files;
    if (updates != 0) {
      const Store base =
          Store::open({.folder = folder.path() / "base", .cap_bytes = kStoreCap}, files).value();
      for (unsigned number = 1; number <= updates; ++number) update(base, number);
    }
    std::uint64_t nth = 0;
    for (bool ended = false; !ended && !HasFailure();) {
      ++nth;
      SCOPED_TRACE("step " + std::to_string(nth));
      if (updates != 0) {
        copy_store(folder.path() / "base", root);
      } else {
        fs::remove_all(root);
      }
      int pipe[2];
      ASSERT_EQ(::pipe(pipe), 0);
      const pid_t child = start([&] {
        FailingFiles killing(files);
        killing.arm(nth, FailingFiles::How::kKill, EIO);
        update_all(root, killing, updates + 1, updates + 1, pipe[1]);
        return 42;
      });
      ::close(pipe[1]);
      const unsigned told = last_told(pipe[0], updates);
      ::close(pipe[0]);
      const int code = wait_for(child);
      ASSERT_TRUE(code == 42 || code == 128 + SIGKILL) << code;
      ended = code == 42;
      expect_recovered(root, told);
      ASSERT_LT(nth, 500);
    }
    std::cout << "SIGKILL at each step of update " << updates + 1 << ": " << nth - 1 << "\n";
    RecordProperty("steps of update " + std::to_string(updates + 1), static_cast<int>(nth - 1));
  }
}

// Of each process or thread that shares a store.
constexpr int kHammerSteps = 1'000;

// What a busy process does with a store that others use at the same time; counts its increments of a record.
unsigned hammer(const Store& store, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<std::pair<unsigned, Lease>> kept;
  unsigned increments = 0;
  for (int step = 0; step < kHammerSteps; ++step) {
    const unsigned number = static_cast<unsigned>(random() % 12);
    switch (random() % 6) {
      case 0: {
        const auto stored = store.put_blob(content(number), digest_of(number));
        require(stored || stored.error().code() == Code::kResourceExhausted,
                "put a blob: " + (stored ? "" : stored.error().to_string()));
        break;
      }
      case 1: {
        const auto stored = put_compiled(store, key_of(number), code(number));
        require(stored || stored.error().code() == Code::kResourceExhausted,
                "put compiled code: " + (stored ? "" : stored.error().to_string()));
        break;
      }
      case 2: {
        const auto blob = store.read_blob(digest_of(number), 1 << 20);
        if (!blob) require(blob.error().code() == Code::kNotFound, blob.error().to_string());
        if (blob) require(blob->bytes == content(number), "another blob");
        break;
      }
      case 3: {
        const auto compiled = store.open_compiled(key_of(number));
        if (!compiled) require(compiled.error().code() == Code::kNotFound, compiled.error().to_string());
        if (compiled) require(mapped(*compiled) == code(number), "other code");
        break;
      }
      case 4: {
        // What is leased is there, whatever the others remove.
        for (const auto& [kept_number, lease] : kept) {
          const auto blob = store.read_blob(digest_of(kept_number), 1 << 20);
          require(blob.has_value(), "a leased blob: " + (blob ? "" : blob.error().to_string()));
        }
        if (kept.size() > 2) kept.clear();
        auto lease = store.keep_blob(digest_of(number));
        if (lease) kept.emplace_back(number, std::move(lease).value());
        break;
      }
      default: {
        get(store.update_history("counter",
                                 [](History& history) -> Result<> {
                                   history.source = std::to_string(1 + std::stoul("0" + history.source));
                                   return {};
                                 }),
            "count");
        ++increments;
      }
    }
  }
  return increments;
}

StoreOptions busy_options(const fs::path& root) {
  return {.folder = root, .cap_bytes = 40'000, .notice = [](const Error& error) {
            require(false, "a notice: " + error.message());
          }};
}

TEST(Shared, ByFourProcesses) {
  const TestFolder folder(TestFolder::Where::kInMemory);
  const fs::path root = folder.path() / "store";
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  std::vector<pid_t> children;
  for (unsigned process = 0; process < 4; ++process) {
    children.push_back(start([&] {
      SystemFiles files;
      const Store store = get(Store::open(busy_options(root), files), "open");
      const unsigned count = hammer(store, process + 1);
      require(::write(pipe[1], &count, sizeof count) == sizeof count, "tell");
      return 0;
    }));
  }
  ::close(pipe[1]);
  for (const pid_t child : children) EXPECT_EQ(wait_for(child), 0);
  unsigned total = 0;
  unsigned count = 0;
  while (::read(pipe[0], &count, sizeof count) == sizeof count) total += count;
  ::close(pipe[0]);
  expect_consistent(root);
  SystemFiles files;
  const auto store = Store::open({.folder = root}, files);
  EXPECT_EQ(store->history("counter")->source, std::to_string(total)) << "an increment was lost";
  EXPECT_GT(total, 4);
  EXPECT_LE(store->usage()->bytes, 40'000);
  std::cout << "four processes: " << total << " increments\n";
}

TEST(Shared, ByFourThreadsOfOneStore) {
  const TestFolder folder(TestFolder::Where::kInMemory);
  const fs::path root = folder.path() / "store";
  SystemFiles files;
  const Store store = Store::open(busy_options(root), files).value();
  std::atomic<unsigned> total = 0;
  {
    std::vector<std::jthread> threads;
    for (unsigned thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] { total += hammer(store, thread + 1); });
    }
  }
  expect_consistent(root);
  EXPECT_EQ(store.history("counter")->source, std::to_string(total)) << "an increment was lost";
}

TEST(Shared, ALeaseDiesWithItsProcess) {
  const TestFolder folder;
  const fs::path root = folder.path() / "store";
  SystemFiles files;
  const Store store = Store::open({.folder = root, .cap_bytes = 3'000}, files).value();
  ASSERT_TRUE(store.put_blob(content(0)));
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const pid_t child = start([&]() -> int {
    const Store own = get(Store::open({.folder = root}, files), "open");
    const Lease lease = get(own.keep_blob(digest_of(0)), "keep");
    require(::write(pipe[1], "x", 1) == 1, "tell");
    for (;;) ::pause();
  });
  char ready = 0;
  ASSERT_EQ(::read(pipe[0], &ready, 1), 1);
  EXPECT_EQ(store.put_blob(content(1, 2'500)).error().code(), Code::kResourceExhausted);
  ::kill(child, SIGKILL);
  EXPECT_EQ(wait_for(child), 128 + SIGKILL);
  EXPECT_TRUE(store.put_blob(content(1, 2'500)));
  ::close(pipe[0]);
  ::close(pipe[1]);
}

// Fills the disk under `root` with versions; the number of the last that fitted.
unsigned fill(const Store& store, const std::string& text) {
  for (unsigned number = 2;; ++number) {
    const auto stored = store.put_blob(content(number, 64 << 10));
    if (stored) continue;
    require(stored.error().code() == Code::kResourceExhausted, stored.error().to_string());
    require(stored.error().message().find(text) != std::string::npos, stored.error().to_string());
    return number - 1;
  }
}

// On a disk that is full: updates fail, the good version starts, and once there is room all goes on.
int on_full_disk(const fs::path& root, const std::string& text) {
  SystemFiles files;
  std::vector<std::string> notices;
  const Store store = get(
      Store::open({.folder = root, .notice = [&](const Error& error) { notices.push_back(error.message()); }},
                  files),
      "open");
  const auto blob = get(store.put_blob(content(1)), "put");
  const auto compiled = get(put_compiled(store, key_of(1), code(1)), "put compiled code");
  const auto record = [&](const std::string& source) {
    return store.update_history("w", [&](History& history) -> Result<> {
      history.running = digest_of(1);
      history.source = source;
      return {};
    });
  };
  get(record("good"), "record");
  const unsigned fitted = fill(store, text);
  // Fill what is left, so that even a record of a few hundred bytes has no room.
  for (std::size_t size : {4096, 512, 64, 1}) {
    for (unsigned i = 0;; ++i) {
      const auto stored = store.put_blob(content(5'000 + i, size));
      if (!stored) break;
      require(i < 1000, "the disk is never full");
    }
  }
  const auto refused = record(std::string(6'000, 'x'));
  require(!refused && refused.error().code() == Code::kResourceExhausted, "a record on a full disk");
  require(!put_compiled(store, key_of(2), code(2)), "code on a full disk");
  require(get(store.history("w"), "history").source == "good", "the record before");
  require(get(store.read_blob(digest_of(1), 1 << 20), "read").bytes == content(1), "the good version");
  require(mapped(get(store.open_compiled(key_of(1)), "open compiled")) == code(1), "its code");
  require(fs::is_empty(root / "temporary"), "left-overs");
  fs::remove(root / "blobs" / Digest::of(content(2, 64 << 10)).value().hex());
  get(record("room again"), "record with room");
  for (const std::string& notice : notices) require(false, "a notice: " + notice);
  std::cout << "full disk: after " << fitted << " of 64 KiB\n" << std::flush;
  return 0;
}

// A file system of 1 MiB where this process may mount one, as root or in a user namespace of its own.
bool mount_small(const fs::path& folder) {
  const auto mounted = [&] { return ::mount("none", folder.c_str(), "tmpfs", 0, "size=1m,mode=0700") == 0; };
  if (::unshare(CLONE_NEWNS) == 0) {
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (mounted()) return true;
  }
  return ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && mounted();
}

// A disk that takes no file over `bytes`: the way of a machine without mounts. Each size fails at another
// step.
int with_file_limit(const fs::path& root, rlim_t bytes) {
  ::signal(SIGXFSZ, SIG_IGN);
  SystemFiles files;
  const Store store = get(Store::open({.folder = root}, files), "open");
  const auto blob = get(store.put_blob(content(1)), "put");
  const auto compiled = get(put_compiled(store, key_of(1), code(1)), "put compiled code");
  const auto record = [&](const std::string& source) {
    return store.update_history("w", [&](History& history) -> Result<> {
      history.running = digest_of(1);
      history.source = source;
      return {};
    });
  };
  get(record("good"), "record");
  const rlimit limit{.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
  require(::setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
  const auto stored = store.put_blob(content(2, 8'000));
  require(!stored && stored.error().code() == Code::kResourceExhausted, "a blob over the limit");
  require(stored.error().message().find("temporary") != std::string::npos, stored.error().message());
  const auto refused = record(std::string(7'900, 'x'));
  require(!refused && refused.error().code() == Code::kResourceExhausted, "a record over the limit");
  require(!put_compiled(store, key_of(2), content(3, 8'000)), "code over the limit");
  require(get(store.history("w"), "history").source == "good", "the record before");
  require(get(store.read_blob(digest_of(1), 1 << 20), "read").bytes == content(1), "the good version");
  require(mapped(get(store.open_compiled(key_of(1)), "open compiled")) == code(1), "its code");
  require(fs::is_empty(root / "temporary"), "left-overs");
  return 0;
}

TEST(FullDisk, OfOneMebibyte) {
  const TestFolder folder;
  const pid_t child = start([&] {
    if (!mount_small(folder.path())) {
      std::cout << "full disk: mounting is not permitted here (" << std::strerror(errno)
                << "); a limit of the size of files stands in\n"
                << std::flush;
      return with_file_limit(folder.path() / "store", 5'000);
    }
    return on_full_disk(folder.path() / "store", "No space left on device");
  });
  EXPECT_EQ(wait_for(child), 0);
}

TEST(FullDisk, AsALimitOfFileSizes) {
  for (rlim_t bytes = 0; bytes < 8'000; bytes += 499) {
    SCOPED_TRACE(bytes);
    const TestFolder folder;
    const pid_t child = start([&] { return with_file_limit(folder.path() / "store", bytes); });
    EXPECT_EQ(wait_for(child), 0);
    expect_consistent(folder.path() / "store");
  }
}

}  // namespace
}  // namespace berth::artifact
