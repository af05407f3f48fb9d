// filesystem and standard streams as a preview-1 program meets them: access, escapes, output.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "world.h"

namespace berth::capability_guests {
namespace {

namespace fs = std::filesystem;

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/berth-files-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root_ = name;
    fs::create_directories(root_ / "data" / "sub");
    put("data/a", "inside");
    put("secret", "outside");
    fs::create_symlink("../secret", root_ / "data" / "up");
    fs::create_symlink(root_ / "secret", root_ / "data" / "absolute");
    fs::create_symlink("hop", root_ / "data" / "chain");
    fs::create_symlink("up", root_ / "data" / "hop");
    fs::create_directory_symlink("..", root_ / "data" / "parent");
    fs::create_symlink("a", root_ / "data" / "near");
  }
  void TearDown() override { fs::remove_all(root_); }

  void put(const std::string& path, std::string_view text) { std::ofstream(root_ / path) << text; }
  std::string get(const std::string& path) {
    std::ifstream file(root_ / path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  using Operation = std::vector<std::string>;
  // Runs operations in one instance of the guest, one after the other; what came of each.
  std::vector<std::string> run_all(const std::string& filesystem, const std::vector<Operation>& operations) {
    std::vector<std::string> args{"files"};
    for (const Operation& operation : operations) {
      if (args.size() > 1) args.emplace_back("--");
      args.insert(args.end(), operation.begin(), operation.end());
    }
    const std::size_t before = world_.process.log().last(kLines).size();
    const auto started = world_.start(
        "caps_files", {{"filesystem", filesystem}, {"clocks", "{}"}, {"random", "{}"}}, std::move(args));
    EXPECT_TRUE(started) << started.error().to_string();
    if (!started) return std::vector<std::string>(operations.size());
    const std::string answer = world_.call(world_.exported("wasi:cli/run") + "#run()");
    EXPECT_EQ(answer, "ok");
    world_.stop();
    // All it says ends with a line for each operation; a list has its entries before it.
    std::vector<std::string> came;
    const auto lines = world_.process.log().last(kLines);
    for (std::size_t i = before; i < lines.size(); ++i)
      if (const std::string& line = lines[i].message;
          !line.starts_with("entry ") && !line.starts_with("denied: "))
        came.push_back(line);
    EXPECT_EQ(came.size(), operations.size());
    came.resize(operations.size());
    return came;
  }
  // Runs one.
  std::string run(const std::string& filesystem, const Operation& operation) {
    return run_all(filesystem, {operation}).front();
  }
  // What berth_denials_total says of files, all versions together.
  std::uint64_t denials() {
    std::uint64_t sum = 0;
    std::istringstream text(world_.process.metrics().expose());
    for (std::string line; std::getline(text, line);)
      if (line.starts_with("berth_denials_total{") && line.contains("capability=\"filesystem\""))
        sum += std::stoull(line.substr(line.rfind(' ') + 1));
    return sum;
  }
  std::string grant(std::string_view access) const {
    return "[{ host: " + (root_ / "data").string() + ", guest: /data, access: " + std::string(access) + " }]";
  }

  static constexpr std::size_t kLines = 1'000;
  fs::path root_;
  World world_;
};

TEST_F(Files, NeedAGrant) {
  const auto refused = world_.start("caps_files", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kPermissionDenied);
  EXPECT_TRUE(refused.error().to_string().contains("filesystem: []")) << refused.error().to_string();
}

TEST_F(Files, EmptyGrantLinksAndOpensNothing) {
  for (const std::string& came :
       run_all("[]", {Operation{"read", (root_ / "secret").string()}, {"list", "/"}}))
    EXPECT_TRUE(came.starts_with("error ")) << "no directory is open";
}

TEST_F(Files, ReadOnlyReadsAndNeverChanges) {
  const std::string granted = grant("read-only");
  EXPECT_EQ(run_all(granted, {Operation{"read", "/data/a"}, {"read", "/data/near"}, {"list", "/data/sub"}}),
            (std::vector<std::string>{"ok inside", "ok inside", "ok"}));
  const std::vector<Operation> changes = {
      {"create", "/data/new", "x"}, {"overwrite", "/data/a", "x"},    {"append", "/data/a", "x"},
      {"truncate", "/data/a"},      {"mkdir", "/data/dir"},           {"rmdir", "/data/sub"},
      {"unlink", "/data/a"},        {"rename", "/data/a", "/data/b"}, {"link", "/data/a", "/data/b"},
      {"symlink", "a", "/data/b"},
  };
  const auto came = run_all(granted, changes);
  for (std::size_t i = 0; i < changes.size(); ++i)
    EXPECT_TRUE(came[i].starts_with("error ")) << changes[i][0] << ": " << came[i];
  EXPECT_EQ(get("data/a"), "inside");
  EXPECT_TRUE(fs::exists(root_ / "data" / "sub"));
  EXPECT_EQ(std::distance(fs::directory_iterator(root_ / "data"), {}), 8);
}

TEST_F(Files, ReadWriteChanges) {
  const std::string granted = grant("read-write");
  EXPECT_EQ(run(granted, {"create", "/data/new", "text"}), "ok");
  EXPECT_EQ(get("data/new"), "text");
  EXPECT_EQ(run_all(granted, {Operation{"mkdir", "/data/dir"}, {"rename", "/data/new", "/data/dir/moved"}}),
            (std::vector<std::string>{"ok", "ok"}));
  EXPECT_EQ(get("data/dir/moved"), "text");
  EXPECT_EQ(run(granted, {"unlink", "/data/dir/moved"}), "ok");
}

// Every way out that a path can take, from a guest that may even write.
TEST_F(Files, NoPathLeadsOutside) {
  std::vector<Operation> operations = {
      {"list", "/data/parent"},
      {"create", "/data/../new", "x"},
      {"rename", "/data/a", "/data/../a"},
      {"rename", "/data/../secret", "/data/mine"},
      {"link", "/data/../secret", "/data/mine"},
      {"symlink", "/etc/passwd", "/data/abs"},  // a link to an absolute path
  };
  for (const auto* path : {"/data/../secret", "/data/sub/../../secret", "/data/up", "/data/absolute",
                           "/data/chain", "/data/parent/secret", "/data/./sub/../../secret", "../secret",
                           "/secret", "/etc/passwd", "/data//../secret", "/data/up/", "/proc/self/environ"}) {
    operations.push_back({"read", path});
    operations.push_back({"truncate", path});
  }
  // Whatever comes of the first of these.
  const std::size_t planted = operations.size();
  operations.push_back({"symlink", "../secret", "/data/planted"});
  operations.push_back({"read", "/data/planted"});
  const auto came = run_all(grant("read-write"), operations);
  for (std::size_t i = 0; i < operations.size(); ++i)
    if (i != planted)
      EXPECT_TRUE(came[i].starts_with("error "))
          << operations[i][0] << " " << operations[i][1] << ": " << came[i];
  EXPECT_EQ(get("secret"), "outside");
  EXPECT_FALSE(fs::exists(root_ / "new"));
  EXPECT_FALSE(fs::exists(root_ / "a"));
}

// What an operator reads, and that writing it down has the effect it promises.
TEST_F(Files, DenialsNameTheLineThatAllowsThem) {
  EXPECT_TRUE(run(grant("read-only"), {"unlink", "/data/a"}).starts_with("error "));
  const std::string line =
      "[{ host: \"" + (root_ / "data").string() + "\", guest: \"/data\", access: read-write }]";
  EXPECT_TRUE(
      world_.process.logged("denied: unlink-file-at of \"a\" below /data, which is read-only; to allow "
                            "it, write under workloads.shop.grants: filesystem: " +
                            line))
      << world_.process.lines().back();
  EXPECT_EQ(run(line, {"unlink", "/data/a"}), "ok");

  EXPECT_TRUE(run(grant("read-write"), {"read", "/data/../secret"}).starts_with("error "));
  EXPECT_TRUE(
      world_.process.logged("denied: open-at of \"../secret\" below /data: the path leads out of the "
                            "directory that it starts in; to allow it, write under "
                            "workloads.shop.grants: nothing; no path leaves a granted directory"));
  EXPECT_EQ(denials(), 2U);
}

TEST_F(Files, WhatTheSystemRefusesIsNoDenial) {
  for (const std::string& came :
       run_all(grant("read-write"), {Operation{"link", "/data/sub", "/data/again"}, {"read", "/data/none"}}))
    EXPECT_TRUE(came.starts_with("error ")) << came;
  EXPECT_FALSE(world_.process.logged("denied: "));
  EXPECT_EQ(denials(), 0U);
}

TEST_F(Files, AFloodOfDenialsIsCountedAndNotLogged) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(run(grant("read-only"), {"probe", "/data/a", "30000"}), "refused 30000");
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_EQ(denials(), 30'000U);
  const auto lines = world_.process.lines();
  const auto denied =
      std::ranges::count_if(lines, [](const std::string& line) { return line.contains("denied: open-at"); });
  EXPECT_GE(denied, 20);
  EXPECT_LE(static_cast<double>(denied), 20 + 2 * seconds) << "20 at once and 2 a second";
}

// Two grants of one workload: what is read-only stays so, whatever is moved between them.
TEST_F(Files, MovesDoNotCrossGrants) {
  fs::create_directories(root_ / "rw");
  put("rw/mine", "mine");
  const std::string granted = "[{ host: " + (root_ / "data").string() +
                              ", guest: /data }, { host: " + (root_ / "rw").string() +
                              ", guest: /rw, access: read-write }]";
  const auto came = run_all(granted, {Operation{"rename", "/data/a", "/rw/a"},
                                      {"rename", "/rw/mine", "/data/mine"},
                                      {"link", "/data/a", "/rw/a"},
                                      {"overwrite", "/rw/mine", "MINE"}});
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(came[i].starts_with("error ")) << came[i];
  EXPECT_EQ(came[3], "ok");
  EXPECT_EQ(get("data/a"), "inside");
}

TEST_F(Files, OutputGoesToTheLog) {
  put("data/\x1b[31mred", "");
  (void)run(grant("read-only"), {"list", "/data"});
  EXPECT_TRUE(world_.process.logged("entry \\x1b[31mred")) << world_.process.lines().back();
  EXPECT_TRUE(world_.process.lines().back().contains("\"from\":\"guest\",\"stream\":\"stdout\""))
      << world_.process.lines().back();
}

}  // namespace
}  // namespace berth::capability_guests
