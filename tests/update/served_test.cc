// Served: starts from the store or the source, updates, what operators ask for, and what a restart remembers.
#include <cerrno>

#include "artifact/signature/detached.h"
#include "artifact/signature/key.h"
#include "yard.h"

namespace berth::update {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace signature = artifact::signature;

class ServedTest : public UpdateTest {
 protected:
  Yard yard() { return Yard(folder(), files_); }
  // A host that has begun its updates, with what its look at once came to.
  std::unique_ptr<Yard> running(const std::function<void(Yard&)>& change = [](Yard&) {}) {
    auto yard = std::make_unique<Yard>(folder(), files_);
    change(*yard);
    auto started = yard->start();
    if (!started) throw std::runtime_error(started.error().to_string());
    yard->begin();
    yard->settled();
    return yard;
  }
  static Digest digest(const artifact::Artifact& v) { return v.digest; }
};

TEST_F(ServedTest, StartsFromItsSourceAndThenWithoutIt) {
  EXPECT_EQ(*running()->ask(), 1u);
  fs::remove(folder() / "a.wasm");
  const auto again = running();
  EXPECT_EQ(*again->ask(), 1u);
  EXPECT_EQ(again->served->workload()->status().current.tier, host::Tier::kCache);
  EXPECT_EQ(again->state(), "refused");
  EXPECT_THAT(again->status()["reason"].get<std::string>(), HasSubstr("a.wasm"));
}

TEST_F(ServedTest, SaysWhereTheManifestIsWrongWhenThereIsNeitherSourceNorStore) {
  fs::remove(folder() / "a.wasm");
  Yard yard = this->yard();
  yard.spec.source.mark = {.line = 3, .column = 13};
  const auto started = yard.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), Code::kNotFound);
  EXPECT_EQ(started.error().position()->line, 3);
}

TEST_F(ServedTest, TakesWhatTheSourceHasAndKeepsTheGoodOnes) {
  auto yard = running();
  for (int step = 2; step <= 5; ++step) {
    put(version(step));
    EXPECT_EQ(yard->look(), "good");
    EXPECT_EQ(*yard->ask(), step);
  }
  const cli::Json history = *yard->served->history();
  ASSERT_EQ(history["good"].size(), 3u) << "as many as are kept";
  EXPECT_EQ(history["good"][0]["digest"], version(5).digest.to_string());
  EXPECT_EQ(history["running"], version(5).digest.to_string());
}

TEST_F(ServedTest, ABadVersionIsRefusedAndTheSourceIsLookedAtAgain) {
  auto yard = running();
  for (const auto& bad : {version(2, {.start = "unreachable"}), version(3, {.probe = "(call $error)"}),
                          artifact::Artifact{.bytes = {'n', 'o'}}}) {
    put(bad);
    EXPECT_EQ(yard->look(), "refused");
    EXPECT_EQ(*yard->ask(), 1u);
  }
  put(version(4));
  EXPECT_EQ(yard->look(), "good");
  EXPECT_EQ(*yard->ask(), 4u);
}

TEST_F(ServedTest, AnUnprovenVersionIsNotWhatARestartBeginsWith) {
  const auto watched = [](Yard& y) {
    y.spec.update.rollback = manifest::Rollback{.within = std::chrono::minutes(10)};
  };
  {
    auto yard = running(watched);
    put(version(2));
    EXPECT_EQ(yard->look(), "watching");
    EXPECT_EQ(*yard->ask(), 2u);
  }
  Yard again(folder(), files_);
  watched(again);
  ASSERT_TRUE(again.start());
  EXPECT_EQ(*again.ask(), 1u) << "before the source is looked at";
  again.begin();
  EXPECT_EQ(again.settled(), "watching");
  EXPECT_EQ(*again.ask(), 2u);
}

TEST_F(ServedTest, WhatWasRolledBackStaysOutAlsoAfterARestart) {
  const auto watched = [](Yard& y) {
    y.spec.update.rollback = manifest::Rollback{.within = std::chrono::minutes(10)};
  };
  {
    auto yard = running(watched);
    put(version(2));
    EXPECT_EQ(yard->look(), "watching");
    ASSERT_TRUE(yard->served->roll_back(std::nullopt));
    EXPECT_EQ(*yard->ask(), 1u);
    EXPECT_EQ(yard->look(), "rolled-back");
  }
  auto again = running(watched);
  EXPECT_EQ(*again->ask(), 1u);
  EXPECT_THAT(again->status()["reason"].get<std::string>(), HasSubstr("is shut out"));
  ASSERT_TRUE(again->served->accept(version(2).digest));
  EXPECT_EQ(again->settled(), "watching");
  EXPECT_EQ(*again->ask(), 2u);
}

TEST_F(ServedTest, ReturnsToTheGoodVersionBefore) {
  auto yard = running();
  put(version(2));
  yard->look();
  put(version(3));
  yard->look();
  ASSERT_TRUE(yard->served->roll_back(std::nullopt));
  EXPECT_EQ(*yard->ask(), 2u);
  EXPECT_EQ(yard->look(), "rolled-back") << "the source still has version 3";
  ASSERT_TRUE(yard->served->roll_back(version(1).digest));
  EXPECT_EQ(*yard->ask(), 1u);
  EXPECT_EQ(yard->served->roll_back(version(9).digest).error().code(), Code::kNotFound);
  EXPECT_EQ(*yard->ask(), 1u);
  put(version(4));
  EXPECT_EQ(yard->look(), "good");
  EXPECT_EQ(*yard->ask(), 4u);
}

TEST_F(ServedTest, PinnedTakesNothingElse) {
  {
    auto yard = running();
    put(version(2));
    yard->look();
    ASSERT_TRUE(yard->served->pin(version(1).digest));
    EXPECT_EQ(*yard->ask(), 1u);
    put(version(3));
    yard->look();
    EXPECT_EQ(*yard->ask(), 1u);
    EXPECT_THAT(yard->status()["reason"].get<std::string>(), HasSubstr("pinned to"));
  }
  auto again = running();
  EXPECT_EQ(*again->ask(), 1u);
  EXPECT_EQ(again->status()["pinned"], version(1).digest.to_string());
  ASSERT_TRUE(again->served->unpin());
  again->settled();
  EXPECT_EQ(*again->ask(), 3u);
}

TEST_F(ServedTest, PinnedStartsNoOtherVersionEither) {
  {
    auto yard = running();
    put(version(2));
    yard->look();
    ASSERT_TRUE(yard->served->pin(std::nullopt));
  }
  for (const char* part : {"blobs", "compiled"}) {
    for (const auto& entry : fs::directory_iterator(folder() / "store" / part))
      if (entry.path().filename().string().starts_with(version(2).digest.hex())) fs::remove(entry.path());
  }
  put(version(3));
  {
    Yard yard(folder(), files_);
    const auto started = yard.start();
    ASSERT_FALSE(started) << "version 1 is in the store, version 3 in the source";
    EXPECT_THAT(started.error().message(), HasSubstr("is pinned to"));
  }
  put(version(2));
  EXPECT_EQ(*running()->ask(), 2u);
}

TEST_F(ServedTest, MoreImportsAreHeldUntilTheyAreAccepted) {
  {
    auto yard = running();
    put(version(2, {.waits = true}));
    EXPECT_EQ(yard->look(), "held");
    EXPECT_EQ(*yard->ask(), 1u);
    EXPECT_EQ(yard->status()["more_imports"][0], "test:host/slow@0.1.0");
    EXPECT_EQ(yard->served->accept(version(3).digest).error().code(), Code::kNotFound);
  }
  auto again = running();
  EXPECT_EQ(again->settled(), "held") << "a restart does not let it in";
  EXPECT_EQ(*again->ask(), 1u);
  const Digest held = version(2, {.waits = true}).digest;
  ASSERT_TRUE(again->served->accept(held));
  EXPECT_EQ(again->settled(), "good");
  EXPECT_EQ(again->digest(), held.to_string());
}

TEST_F(ServedTest, AFileChosenByHandServesUntilTheSourceChanges) {
  auto yard = running();
  replace_file(folder() / "mine.wasm", version(7).bytes);
  ASSERT_TRUE(yard->served->swap(folder() / "mine.wasm"));
  EXPECT_EQ(*yard->ask(), 7u);
  yard->look();
  EXPECT_EQ(*yard->ask(), 7u) << "the source has what it had";
  put(version(8));
  EXPECT_EQ(yard->look(), "good");
  EXPECT_EQ(*yard->ask(), 8u);
  EXPECT_FALSE(yard->served->swap(folder() / "nothing.wasm"));
  EXPECT_EQ(*yard->ask(), 8u);
}

TEST_F(ServedTest, DamagedCodeIsMadeAgain) {
  ASSERT_TRUE(running());
  for (const auto& entry : fs::directory_iterator(folder() / "store/compiled")) {
    auto bytes = artifact::read_file(entry.path());
    bytes[bytes.size() / 2] ^= 1;
    artifact::write_file(entry.path(), bytes);
  }
  auto again = running();
  EXPECT_EQ(*again->ask(), 1u);
  EXPECT_EQ(again->served->workload()->status().current.tier, host::Tier::kCranelift);
  artifact::expect_consistent(folder() / "store");
}

TEST_F(ServedTest, ADamagedRecordIsBegunAnew) {
  ASSERT_TRUE(running());
  for (const auto& entry : fs::directory_iterator(folder() / "store/histories"))
    artifact::write_file(entry.path(), {'{'});
  auto again = running();
  EXPECT_EQ(*again->ask(), 1u);
  EXPECT_THAT(again->logged(), HasSubstr("begun anew"));
}

TEST_F(ServedTest, ARecordThatCannotBeReadNowIsKept) {
  ASSERT_TRUE(running()->served->pin(std::nullopt));
  {
    FailingFiles files(files_);
    Yard yard(folder(), files);
    files.arm(1, FailingFiles::How::kFail, EIO);  // of the record: it is read first
    const auto started = yard.start();
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().message(), HasSubstr("record"));
  }
  EXPECT_EQ(running()->status()["pinned"], version(1).digest.to_string());
}

class SignedTest : public ServedTest {
 protected:
  SignedTest() {
    const auto key = signature::PrivateKey::generate(signature::Algorithm::kEd25519);
    if (!key) throw std::runtime_error(key.error().to_string());
    key_.emplace(std::move(*key));
    std::ofstream(folder() / "a.pub") << key_->public_key().to_pem();
  }
  void sign(const artifact::Artifact& v) {
    const auto value = key_->sign(v.bytes);
    if (!value) throw std::runtime_error(value.error().to_string());
    std::ofstream(folder() / "a.wasm.sig") << signature::to_detached({*value});
  }
  std::function<void(Yard&)> wanted() {
    return [this](Yard& y) {
      y.spec.signature = {
          .need = manifest::Signature::Need::kAnyOf, .keys = {folder() / "a.pub"}, .mark = {}};
    };
  }
  std::optional<signature::PrivateKey> key_;
};

TEST_F(SignedTest, OnlyWhatIsSignedServes) {
  Yard unsigned_yard(folder(), files_);
  wanted()(unsigned_yard);
  EXPECT_EQ(unsigned_yard.start().error().code(), Code::kPermissionDenied);

  sign(version(1));
  auto yard = running(wanted());
  EXPECT_EQ(*yard->ask(), 1u);
  put(version(2));
  EXPECT_EQ(yard->look(), "refused") << "the signature is of version 1";
  EXPECT_EQ(*yard->ask(), 1u);
  sign(version(2));
  EXPECT_EQ(yard->look(), "good") << "the bytes are the same, the signature came later";
  EXPECT_EQ(*yard->ask(), 2u);
  put(version(3));
  EXPECT_EQ(yard->served->swap(folder() / "a.wasm").error().code(), Code::kPermissionDenied);
}

TEST_F(SignedTest, WhatWasFetchedAndRefusedIsNotPublishedByHandEither) {
  sign(version(1));
  auto yard = running(wanted());
  put(version(2));
  EXPECT_EQ(yard->look(), "refused");
  EXPECT_EQ(yard->served->roll_back(version(2).digest).error().code(), Code::kNotFound);
  EXPECT_EQ(yard->served->pin(version(2).digest).error().code(), Code::kNotFound);
  EXPECT_EQ(*yard->ask(), 1u);
}

TEST_F(SignedTest, APinDoesNotGoAroundThePolicy) {
  ASSERT_TRUE(running()->served->pin(std::nullopt));
  for (int start = 0; start < 2; ++start) {  // the first one must not make the second one believe it
    Yard yard(folder(), files_);
    wanted()(yard);
    EXPECT_EQ(yard.start().error().code(), Code::kPermissionDenied) << start;
  }
  sign(version(1));
  EXPECT_EQ(*running(wanted())->ask(), 1u);
}

TEST_F(SignedTest, NoFailureOfTheDiskGoesAroundThePolicy) {
  ASSERT_TRUE(running());
  bool reached = true;
  std::uint64_t nth = 1;
  for (; reached; ++nth) {
    const TestFolder own(TestFolder::Where::kInMemory);
    artifact::copy_store(folder() / "store", own.path() / "store");
    fs::copy_file(folder() / "a.wasm", own.path() / "a.wasm");
    FailingFiles files(files_);
    Yard yard(own.path(), files);
    wanted()(yard);
    files.arm(nth, FailingFiles::How::kFail, ENOSPC);
    EXPECT_FALSE(yard.start()) << "step " << nth;
    reached = files.disarm();
  }
  EXPECT_GT(nth, 5u);
}

TEST_F(SignedTest, AStoreFromBeforeThePolicyIsNotBelieved) {
  ASSERT_TRUE(running());
  Yard yard(folder(), files_);
  wanted()(yard);
  EXPECT_EQ(yard.start().error().code(), Code::kPermissionDenied);
  sign(version(1));
  EXPECT_EQ(*running(wanted())->ask(), 1u);
  fs::remove(folder() / "a.wasm");
  EXPECT_EQ(*running(wanted())->ask(), 1u) << "verified under this policy";
}

}  // namespace
}  // namespace berth::update
