// An update every second under load, half of them bad. BERTH_SOAK_SECONDS says for how long.
#include <array>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>

#include "artifact/signature/detached.h"
#include "artifact/signature/key.h"
#include "yard.h"

namespace berth::update {
namespace {

using namespace std::chrono_literals;
namespace signature = artifact::signature;
using Clock = std::chrono::steady_clock;

std::chrono::seconds soak_time() {
  const char* text = std::getenv("BERTH_SOAK_SECONDS");
  return std::chrono::seconds(text != nullptr ? std::atoi(text) : 14);
}

std::size_t open_files() {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

std::uint64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t pages = 0;
  in >> pages >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

enum class Kind : std::uint8_t { kGood, kNoStart, kTraps, kOtherWorld, kUnsigned, kSlow, kMoreImports };
constexpr std::array kBad = {Kind::kNoStart,  Kind::kTraps, Kind::kOtherWorld,
                             Kind::kUnsigned, Kind::kSlow,  Kind::kMoreImports};

// The same answers whatever the number, under another digest.
artifact::Artifact offered(Kind kind, int number) {
  static constexpr std::string_view kAdd =
      "(global.set $value (i32.add (global.get $value) (i32.mul (local.get 0) (i32.const 1))))";
  CounterText text;
  if (kind == Kind::kNoStart) text.start = "unreachable";
  if (kind == Kind::kMoreImports) text.waits = true;
  std::string wat = host::test::counter_text(text);
  if (kind == Kind::kTraps) wat = host::test::replaced(wat, kAdd, "unreachable");
  if (kind == Kind::kSlow) {
    wat = host::test::replaced(wat, kAdd,
                               std::string(kAdd) +
                                   "(loop (global.set $heap (i32.add (global.get $heap) (i32.const 1)))"
                                   " (br_if 0 (i32.lt_u (global.get $heap) (i32.const 3000000))))");
  }
  if (kind == Kind::kOtherWorld) wat = "(component)";
  artifact::Artifact out = host::test::artifact_of(wat);
  const std::uint8_t name[] = {
      0x00, 0x04, 0x01, 'n', static_cast<std::uint8_t>(number), static_cast<std::uint8_t>(number >> 8)};
  out.bytes.insert(out.bytes.end(), std::begin(name), std::end(name));
  out.digest = *Digest::of(out.bytes);
  return out;
}

class SoakTest : public UpdateTest {};

TEST_F(SoakTest, NoCallFailsBecauseOfAnUpdate) {
  auto key = signature::PrivateKey::generate(signature::Algorithm::kEd25519);
  ASSERT_TRUE(key);
  std::ofstream(folder() / "a.pub") << key->public_key().to_pem();
  std::set<std::string> good;
  const auto offer = [&](Kind kind, int number) {
    const artifact::Artifact next = offered(kind, number);
    // Of a slow one 300 calls decide, which a busy machine may not make in its time.
    if (kind == Kind::kGood || kind == Kind::kSlow) good.insert(next.digest.to_string());
    if (kind != Kind::kUnsigned) {
      const std::string text = signature::to_detached({*key->sign(next.bytes)});
      replace_file(folder() / "a.wasm.sig", {text.begin(), text.end()});
    }
    put(next);
  };

  Yard yard(folder(), files_);
  yard.spec.signature = {.need = manifest::Signature::Need::kAnyOf, .keys = {folder() / "a.pub"}, .mark = {}};
  yard.spec.update.shadow = manifest::Shadow{.percent = 1, .time = 500ms, .differ = 0};
  yard.spec.update.rollback = manifest::Rollback{.errors = manifest::Tolerance{.more = 0.05},
                                                 .latency = manifest::Tolerance{.factor = 10},
                                                 .within = 300ms,
                                                 .min_calls = 20};
  offer(Kind::kGood, 0);
  const auto started = yard.start();
  ASSERT_TRUE(started) << started.error().to_string();
  yard.begin();

  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> calls = 0;
  std::atomic<std::uint64_t> failed = 0;
  std::atomic<std::uint64_t> wrong = 0;
  std::vector<std::jthread> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back([&] {
      while (!stop) {
        const auto answer = yard.ask();
        ++calls;
        if (!answer) ++failed;
        if (answer && *answer != 1) ++wrong;
        std::this_thread::sleep_for(500us);
      }
    });
  }

  const auto begin = Clock::now();
  std::size_t files = 0;
  std::uint64_t memory = 0;
  int number = 0;
  std::set<std::string> served;
  while (Clock::now() - begin < soak_time()) {
    ++number;
    const Kind kind =
        number % 2 != 0 ? kBad[static_cast<std::size_t>(number / 2) % kBad.size()] : Kind::kGood;
    offer(kind, number);
    yard.served->look();
    std::this_thread::sleep_until(begin + std::chrono::seconds(number));
    served.insert(yard.digest());
    if (number == 12) {  // every kind was there once
      files = open_files();
      memory = resident_bytes();
    }
  }
  stop = true;
  clients.clear();
  yard.settled();

  EXPECT_EQ(failed, 0u) << "of " << calls << "\n" << yard.logged();
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(calls, 1000u);
  EXPECT_GT(served.size(), static_cast<std::size_t>(number) / 4) << "good versions come through\n"
                                                                 << yard.logged();
  const cli::Json history = *yard.served->history();
  for (const auto& version : history["good"]) EXPECT_TRUE(good.contains(version["digest"])) << version;
  EXPECT_LE(open_files(), files + 4) << "after " << files;
  EXPECT_LE(resident_bytes(), memory + memory / 4 + (8u << 20)) << "after " << memory;
  std::printf(
      "soak: %d updates, %llu calls, %llu failed, %zu versions served, files %zu -> %zu, memory %llu -> "
      "%llu KiB\n",
      number, static_cast<unsigned long long>(calls), static_cast<unsigned long long>(failed.load()),
      served.size(), files, open_files(), static_cast<unsigned long long>(memory >> 10),
      static_cast<unsigned long long>(resident_bytes() >> 10));
}

}  // namespace
}  // namespace berth::update
