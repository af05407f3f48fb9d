// Loading: files, kinds of binary, and the world check.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "counter.h"
#include "host/limits.h"

namespace berth::host::test {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class Load : public testing::Test {
 protected:
  Load() { fs::create_directories(folder_); }
  ~Load() override { fs::remove_all(folder_); }
  fs::path file(const std::string& name, std::string_view content) {
    const fs::path path = folder_ / name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  Error error_of(const Artifact& artifact) {
    auto loaded = dock_.loader.load(artifact, dock_.request());
    return loaded ? Error(Code::kInternal, "it was loaded") : std::move(loaded).error();
  }

  fs::path folder_ = fs::temp_directory_path() / ("berth-load-test-" + std::to_string(::getpid()));
  Dock dock_;
};

TEST_F(Load, NamesAFileByItsDigest) {
  const auto artifact = read_artifact(file("abc", "abc"));
  ASSERT_TRUE(artifact);
  EXPECT_EQ(artifact->digest, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(artifact->bytes.size(), 3u);
  EXPECT_TRUE(read_artifact(file("empty", ""))->bytes.empty());
}

TEST_F(Load, RefusesWhatIsNoFile) {
  EXPECT_EQ(read_artifact(folder_ / "none.wasm").error().code(), Code::kNotFound);
  EXPECT_THAT(read_artifact(folder_ / "none.wasm").error().message(), HasSubstr("none.wasm"));
  EXPECT_EQ(read_artifact(folder_).error().code(), Code::kInvalidArgument);
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(read_artifact(folder_ / "fifo").error().code(), Code::kInvalidArgument)
      << "and does not wait for a writer";
  EXPECT_EQ(read_artifact("/dev/zero").error().code(), Code::kInvalidArgument);
}

TEST_F(Load, RefusesAFileOverTheCap) {
  const fs::path path = file("large.wasm", "");
  fs::resize_file(path, kMaxComponentBytes + 1);
  const auto refused = read_artifact(path);
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(refused.error().message(), HasSubstr("256 MiB"));
  fs::resize_file(path, kMaxComponentBytes);
  EXPECT_TRUE(read_artifact(path));
}

TEST_F(Load, RefusesWhatIsNoComponent) {
  const auto text = read_artifact(file("text.wasm", "hello"));
  EXPECT_EQ(error_of(*text).code(), Code::kInvalidArgument);
  EXPECT_THAT(error_of(*text).message(), HasSubstr("text.wasm: it is not WebAssembly"));

  const Artifact module = artifact_of("(module (func (export \"f\")))", "module.wasm");
  EXPECT_EQ(error_of(module).code(), Code::kInvalidArgument);
  EXPECT_THAT(error_of(module).message(), HasSubstr("module.wasm: it is a core module"));

  Artifact cut = artifact_of(counter_text({}));
  cut.bytes.resize(cut.bytes.size() / 2);
  EXPECT_EQ(error_of(cut).code(), Code::kInvalidArgument);
}

TEST_F(Load, AnImportWithoutAGrantNamesTheLineThatWouldAllowIt) {
  const Artifact artifact = artifact_of(counter_text({.waits = true}));
  LoadRequest request = dock_.request();
  request.grants.clear();
  const auto refused = dock_.loader.load(artifact, request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kPermissionDenied);
  EXPECT_THAT(refused.error().message(), HasSubstr("test:host/slow@0.1.0"));
  EXPECT_THAT(refused.error().message(), HasSubstr("workloads.counter.grants: slow: {}"));
}

TEST_F(Load, AnImportThatNobodyOffersSaysSo) {
  const Artifact artifact =
      artifact_of(R"((component (import "acme:tools/laser@1.0.0" (instance (export "fire" (func))))))");
  const Error error = error_of(artifact);
  EXPECT_EQ(error.code(), Code::kPermissionDenied);
  EXPECT_THAT(error.message(), HasSubstr("acme:tools/laser@1.0.0"));
  EXPECT_THAT(error.message(), HasSubstr("no capability of this program provides it"));
  const Error root = error_of(artifact_of(R"((component (import "fire" (func))))"));
  EXPECT_EQ(root.code(), Code::kPermissionDenied);
}

TEST_F(Load, AnInterfaceOfTypesOnlyNeedsNoGrant) {
  auto artifact =
      artifact_of(replaced(counter_text({}), "(component\n",
                           "(component (import \"acme:tools/types@1.0.0\" (instance (type $t u32) "
                           "(export \"size\" (type (eq $t)))))\n"));
  const auto loaded = dock_.loader.load(artifact, dock_.request());
  EXPECT_TRUE(loaded) << loaded.error().to_string();
}

TEST_F(Load, AnImportOfAnotherTypeShowsBoth) {
  auto text = replaced(counter_text({.waits = true}), "(export \"nap\" (func))",
                       "(export \"nap\" (func (param \"ms\" u32)))");
  text = replaced(text, "(import \"slow\" \"nap\" (func $nap))",
                  "(import \"slow\" \"nap\" (func $nap (param i32)))");
  text = replaced(text, "(call $nap)", "(call $nap (i32.const 1))");
  const Error error = error_of(artifact_of(text));
  EXPECT_EQ(error.code(), Code::kFailedPrecondition) << error.to_string();
  EXPECT_THAT(error.message() + error.detail(), HasSubstr("func(ms: u32)"));
  EXPECT_THAT(error.message() + error.detail(), HasSubstr("func()"));
}

TEST_F(Load, AMissingExportIsFoundAtLoad) {
  const Error error =
      error_of(artifact_of(replaced(counter_text({}), "(func (export \"add\") (param \"n\" u32)",
                                    "(func (export \"plus\") (param \"n\" u32)")));
  EXPECT_THAT(error.message(), HasSubstr("add"));
  EXPECT_NE(error.code(), Code::kInternal);
}

TEST_F(Load, LimitsOverTheEnginesNameTheManifestLine) {
  LoadRequest request = dock_.request();
  request.limits.memory_bytes = (64 << 20) + 1;
  const auto refused = dock_.loader.load(artifact_of(counter_text({})), request);
  EXPECT_THAT(refused.error().message(), HasSubstr("workloads.counter.limits.memory"));
}

}  // namespace
}  // namespace berth::host::test
