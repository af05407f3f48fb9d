// File operations that the preopens do not allow: which are told, and which are the system's own.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "wasi_support.h"

namespace berth_test {
namespace {

namespace fs = std::filesystem;

// Ends with what the preview-1 call returned; PATHS go to memory from 1024 on, each NUL-terminated.
const std::string kProgram = R"((module
  (import "wasi_snapshot_preview1" "path_open" (func $open
    (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $mkdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_remove_directory" (func $rmdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $rename
    (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_link" (func $link
    (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink" (func $symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_readlink" (func $readlink
    (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $stat (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_set_times" (func $times
    (param i32 i32 i32 i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $resize (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "PATHS")
  (func $read (param $path i32) (param $len i32) (result i32)
    (call $open (i32.const 3) (i32.const 1) (local.get $path) (local.get $len) (i32.const 0)
      (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 0)))
  (func (export "_start") (call $exit CALL))))";

constexpr int kNotPermitted = 63;  // preview 1's errno "perm"

class FilesTest : public WasiTest {
 protected:
  FilesTest() {
    char name[] = "/tmp/berth-engine-files-XXXXXX";
    EXPECT_NE(::mkdtemp(name), nullptr);
    root_ = name;
    fs::create_directories(root_ / "data" / "sub");
    std::ofstream(root_ / "data" / "a") << "inside";
    std::ofstream(root_ / "secret") << "outside";
    fs::create_symlink("../secret", root_ / "data" / "up");
    fs::create_directory_symlink("..", root_ / "data" / "parent");
    fs::create_symlink("/etc/passwd", root_ / "data" / "absolute");
  }
  ~FilesTest() override { fs::remove_all(root_); }

  // Runs one call on the preopen /data, which is descriptor 3; what it returned.
  int run(bool write, std::string_view call, std::string_view paths) {
    const std::string host = root_ / "data";
    const berth_preopen_t preopen{str(host), str("/data"), write};
    auto wasi = world_.config();
    wasi.preopens = &preopen;
    wasi.preopens_len = 1;
    const auto module = binary(replaced(replaced(kProgram, "PATHS", paths), "CALL", call));
    berth_bytes_t bytes{};
    EXPECT_OK(berth_adapt_module(module.data(), module.size(), &bytes));
    berth_component_t* raw = nullptr;
    EXPECT_OK(berth_component_compile(engine_.get(), bytes.data, bytes.len, &raw));
    berth_bytes_free(bytes);
    const Component component(raw);
    const auto pre = link(linker_, component);
    world_.asked.clear();
    const auto instance = start(pre, wasi);
    return invoke(instance, "run()").exit_code;
  }

  fs::path root_;
};

struct Case {
  std::string_view call, paths, told;
};

TEST_F(FilesTest, changes_of_a_read_only_directory_are_told) {
  const Case cases[] = {
      {"(call $unlink (i32.const 3) (i32.const 1024) (i32.const 1))", "a",
       "read-only unlink-file-at /data a"},
      {"(call $mkdir (i32.const 3) (i32.const 1024) (i32.const 3))", "new",
       "read-only create-directory-at /data new"},
      {"(call $rmdir (i32.const 3) (i32.const 1024) (i32.const 3))", "sub",
       "read-only remove-directory-at /data sub"},
      {"(call $rename (i32.const 3) (i32.const 1024) (i32.const 1) (i32.const 3) (i32.const 1025) "
       "(i32.const 1))",
       "ab", "read-only rename-at /data a"},
      {"(call $link (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 3) "
       "(i32.const 1025) (i32.const 1))",
       "ab", "read-only link-at /data a"},
      {"(call $symlink (i32.const 1024) (i32.const 1) (i32.const 3) (i32.const 1025) (i32.const 1))", "ab",
       "read-only symlink-at /data b"},
      {"(call $times (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 1) (i64.const 0) "
       "(i64.const 0) (i32.const 10))",
       "a", "read-only set-times-at /data a"},
      // For writing; to be created; to be cut.
      {"(call $open (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 0) "
       "(i64.const 64) (i64.const 0) (i32.const 0) (i32.const 0))",
       "a", "read-only open-at /data a"},
      {"(call $open (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 3) (i32.const 1) "
       "(i64.const 2) (i64.const 0) (i32.const 0) (i32.const 0))",
       "new", "read-only open-at /data new"},
      {"(call $open (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 8) "
       "(i64.const 2) (i64.const 0) (i32.const 0) (i32.const 0))",
       "a", "read-only open-at /data a"},
      // An open file has no path.
      {"(i32.add (call $read (i32.const 1024) (i32.const 1)) "
       "(call $resize (i32.load (i32.const 0)) (i64.const 0)))",
       "a", "read-only set-size /data "},
      // A directory that was opened below it: its own paths, the same preopen.
      {"(i32.add (call $read (i32.const 1024) (i32.const 3)) "
       "(call $mkdir (i32.load (i32.const 0)) (i32.const 1027) (i32.const 1)))",
       "subn", "read-only create-directory-at /data n"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(run(false, c.call, c.paths), kNotPermitted) << c.call;
    EXPECT_EQ(world_.asked, std::vector<std::string>{std::string(c.told)}) << c.call;
  }
  EXPECT_EQ(fs::file_size(root_ / "data" / "a"), 6U);
}

TEST_F(FilesTest, writing_to_a_file_opened_for_reading_is_told) {
  const int code = run(false,
                       "(block (result i32) (drop (call $read (i32.const 1024) (i32.const 1))) "
                       "(i32.store (i32.const 8) (i32.const 1024)) (i32.store (i32.const 12) (i32.const 1)) "
                       "(call $write (i32.load (i32.const 0)) (i32.const 8) (i32.const 1) (i32.const 16)))",
                       "a");
  EXPECT_NE(code, 0);
  EXPECT_EQ(world_.asked, std::vector<std::string>{"read-only write-via-stream /data "});
}

TEST_F(FilesTest, paths_that_lead_out_are_told_whatever_they_were_for) {
  const Case cases[] = {
      {"(call $read (i32.const 1024) (i32.const 9))", "../secret", "outside open-at /data ../secret"},
      {"(call $read (i32.const 1024) (i32.const 11))", "/etc/passwd", "outside open-at /data /etc/passwd"},
      {"(call $read (i32.const 1024) (i32.const 2))", "up", "outside open-at /data up"},
      {"(call $read (i32.const 1024) (i32.const 13))", "parent/secret",
       "outside open-at /data parent/secret"},
      {"(call $stat (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const 8) (i32.const 0))", "absolute",
       "outside stat-at /data absolute"},
      {"(call $unlink (i32.const 3) (i32.const 1024) (i32.const 9))", "../secret",
       "outside unlink-file-at /data ../secret"},
      {"(call $mkdir (i32.const 3) (i32.const 1024) (i32.const 10))", "parent/new",
       "outside create-directory-at /data parent/new"},
      {"(call $rmdir (i32.const 3) (i32.const 1024) (i32.const 7))", "parent/",
       "outside remove-directory-at /data parent/"},
      // The second path of two.
      {"(call $rename (i32.const 3) (i32.const 1024) (i32.const 1) (i32.const 3) (i32.const 1025) "
       "(i32.const 4))",
       "a../b", "outside rename-at /data ../b"},
      {"(call $symlink (i32.const 1024) (i32.const 2) (i32.const 3) (i32.const 1026) (i32.const 1))", "/bn",
       "outside symlink-at /data /b"},
      {"(call $readlink (i32.const 3) (i32.const 1024) (i32.const 8) (i32.const 2048) (i32.const 64) "
       "(i32.const 0))",
       "absolute", "outside readlink-at /data absolute"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(run(true, c.call, c.paths), kNotPermitted) << c.call;
    EXPECT_EQ(world_.asked, std::vector<std::string>{std::string(c.told)}) << c.call;
  }
  EXPECT_TRUE(fs::exists(root_ / "secret"));
}

// Linux answers EPERM, which the guest cannot tell from the above, to a hard link to a directory.
TEST_F(FilesTest, what_the_system_refuses_is_not_told) {
  constexpr std::string_view kLink =
      "(call $link (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 3) (i32.const 3) (i32.const 1027) "
      "(i32.const 1))";
  EXPECT_EQ(run(true, kLink, "subn"), kNotPermitted);
  EXPECT_EQ(world_.asked, std::vector<std::string>{});
}

TEST_F(FilesTest, what_succeeds_or_fails_otherwise_is_not_told) {
  EXPECT_EQ(run(false, "(call $read (i32.const 1024) (i32.const 1))", "a"), 0);
  EXPECT_EQ(world_.asked, std::vector<std::string>{});
  EXPECT_EQ(run(false, "(call $read (i32.const 1024) (i32.const 1))", "b"), 44);  // noent
  EXPECT_EQ(world_.asked, std::vector<std::string>{});
  EXPECT_EQ(run(true, "(call $unlink (i32.const 3) (i32.const 1024) (i32.const 2))", "up"), 0) << "the link";
  EXPECT_EQ(world_.asked, std::vector<std::string>{});
  EXPECT_TRUE(fs::exists(root_ / "secret"));
}

}  // namespace
}  // namespace berth_test
