// Loading: kinds of binary, and the world check.
#include "counter.h"

namespace berth::host::test {
namespace {

using ::testing::HasSubstr;

class Load : public testing::Test {
 protected:
  Error error_of(const artifact::Artifact& artifact) {
    auto loaded = dock_.loader.load(artifact, dock_.request());
    return loaded ? Error(Code::kInternal, "it was loaded") : std::move(loaded).error();
  }

  Dock dock_;
};

TEST_F(Load, RefusesWhatIsNoComponent) {
  const artifact::Artifact text{.source = "text.wasm", .bytes = {'h', 'e', 'l', 'l', 'o'}};
  EXPECT_EQ(error_of(text).code(), Code::kInvalidArgument);
  EXPECT_THAT(error_of(text).message(), HasSubstr("text.wasm: it is not WebAssembly"));

  const artifact::Artifact module = artifact_of("(module (func (export \"f\")))", "module.wasm");
  EXPECT_EQ(error_of(module).code(), Code::kInvalidArgument);
  EXPECT_THAT(error_of(module).message(), HasSubstr("module.wasm: it is a core module"));

  artifact::Artifact cut = artifact_of(counter_text({}));
  cut.bytes.resize(cut.bytes.size() / 2);
  EXPECT_EQ(error_of(cut).code(), Code::kInvalidArgument);
}

TEST_F(Load, AnImportWithoutAGrantNamesTheLineThatWouldAllowIt) {
  const artifact::Artifact artifact = artifact_of(counter_text({.waits = true}));
  LoadRequest request = dock_.request();
  request.grants.clear();
  const auto refused = dock_.loader.load(artifact, request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kPermissionDenied);
  EXPECT_THAT(refused.error().message(), HasSubstr("test:host/slow@0.1.0"));
  EXPECT_THAT(refused.error().message(), HasSubstr("workloads.counter.grants: slow: {}"));
}

TEST_F(Load, AnImportThatNobodyOffersSaysSo) {
  const artifact::Artifact artifact =
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
