// berth verify: whether a component is signed by the keys that are named.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "artifact/file_source.h"
#include "artifact/reference.h"
#include "artifact/signature/attached.h"
#include "artifact/signature/detached.h"
#include "artifact/signature/key_file.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/registry_flags.h"
#include "cli/signing.h"

namespace berth::cli {
namespace {

namespace signature = artifact::signature;
using OrderedJson = nlohmann::ordered_json;

struct VerifyOptions {
  std::string target;
  std::vector<std::string> keys;
  std::vector<std::string> repositories;
  std::string signature_file;
  bool all = false;
  bool json = false;
  RegistryFlags registry;
};

// What was looked at and what came of it.
struct Verified {
  std::string what;
  artifact::Digest digest;
  std::vector<signature::Signature> signatures;
  signature::Examination examination;
  Result<> verdict;
};

Result<signature::Policy> policy_of(const VerifyOptions& options) {
  signature::Policy policy{.require = options.all ? signature::Require::kAllOf : signature::Require::kAnyOf,
                           .repositories = options.repositories};
  for (const std::string& key : options.keys)
    policy.keys.push_back(BERTH_TRY(signature::read_trusted_key(key)));
  BERTH_TRY(policy.validate());
  return policy;
}

Result<Verified> verify_in_registry(const VerifyOptions& options, const signature::Policy& policy,
                                    net::IoContext& io, const std::stop_token& stop) {
  const artifact::OciReference reference = BERTH_TRY(artifact::parse_oci_reference(options.target));
  const OpenRegistry registry = BERTH_TRY(OpenRegistry::open(io, reference, options.registry));
  const auto repository = registry.repository(reference);
  const artifact::Digest digest =
      BERTH_TRY(repository.manifest(reference.tag_or_digest(), stop)).descriptor.digest;
  Verified seen{.what = fmt::format("oci://{}@{}", repository.shown(), digest.to_string()), .digest = digest};
  seen.signatures = BERTH_TRY(signature::find_signatures(repository, digest, stop));
  seen.examination = signature::examine(policy, digest, seen.signatures);
  seen.verdict =
      signature::judge(policy, seen.examination, seen.what, "berth sign --key FILE.key " + seen.what);
  return seen;
}

Result<Verified> verify_file(const VerifyOptions& options, const signature::Policy& policy) {
  const std::string path = BERTH_TRY(file_of(options.target));
  const artifact::Artifact content = BERTH_TRY(artifact::read_artifact(path));
  const std::string beside = options.signature_file.empty() ? path + std::string(signature::kDetachedSuffix)
                                                            : options.signature_file;
  Verified seen{.what = path, .digest = content.digest};
  seen.signatures = BERTH_TRY(signature::read_detached(beside));
  seen.examination = signature::examine_file(policy, content.bytes, seen.signatures);
  seen.verdict = signature::judge(policy, seen.examination, seen.what, "berth sign --key FILE.key " + path);
  return seen;
}

void print_json(const signature::Policy& policy, const Verified& seen) {
  OrderedJson keys = OrderedJson::array();
  for (std::size_t i = 0; i < policy.keys.size(); ++i) {
    const signature::TrustedKey& key = policy.keys[i];
    keys.push_back({{"name", key.name},
                    {"fingerprint", key.key.fingerprint()},
                    {"algorithm", signature::algorithm_name(key.key.algorithm())},
                    {"signed", bool(seen.examination.signed_by[i])}});
  }
  OrderedJson signatures = OrderedJson::array();
  for (std::size_t i = 0; i < seen.signatures.size(); ++i) {
    const signature::Examined& examined = seen.examination.signatures[i];
    signatures.push_back(
        {{"origin", seen.signatures[i].origin},
         {"finding", signature::finding_name(examined.finding)},
         {"key", examined.key ? OrderedJson(policy.keys[*examined.key].name) : OrderedJson(nullptr)},
         {"detail", examined.detail}});
  }
  OrderedJson report = {{"target", seen.what},
                        {"digest", seen.digest.to_string()},
                        {"verified", seen.verdict.has_value()},
                        {"require", policy.require == signature::Require::kAllOf ? "all-of" : "any-of"},
                        {"keys", std::move(keys)},
                        {"signatures", std::move(signatures)}};
  if (!seen.verdict) report["message"] = seen.verdict.error().message();
  print_text(report.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
}

int print(const VerifyOptions& options, const signature::Policy& policy, const Verified& seen) {
  if (options.json) {
    print_json(policy, seen);
  } else if (!seen.verdict) {
    print_error(seen.verdict.error());
  } else {
    print_line(stdout, "verified " + seen.what);
    for (std::size_t i = 0; i < policy.keys.size(); ++i) {
      if (!seen.examination.signed_by[i]) continue;
      print_line(stdout,
                 fmt::format("signed by {} ({})", policy.keys[i].name, policy.keys[i].key.fingerprint()));
    }
  }
  return seen.verdict ? kOk : exit_code(seen.verdict.error().code());
}

}  // namespace

void add_verify(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("verify", "Check the signatures of a component in a registry or in a file");
  const auto options = std::make_shared<VerifyOptions>();
  command->add_option("TARGET", options->target, "oci://host/name:tag, oci://host/name@sha256:..., or a file")
      ->required();
  command->add_option("--key", options->keys, "A public key; can be repeated, and then one of them is enough")
      ->required()
      ->allow_extra_args(false);
  command->add_flag("--all", options->all, "Each of the keys must have signed");
  command
      ->add_option("--repository", options->repositories,
                   "Registry: refuse a signature made for another repository than this, as host:5000/name; "
                   "can be repeated")
      ->allow_extra_args(false);
  command->add_option("--signature", options->signature_file,
                      "File: where its signatures are; by default FILE.sig");
  command->add_flag("--json", options->json, "Print JSON, also when it is refused");
  add_registry_flags(*command, options->registry, "registry-");
  command->footer(
      "Example:\n  berth verify --key release.pub oci://127.0.0.1:5000/gather/core:v1\n  berth verify --key "
      "release.pub store.wasm\n"
      "Exit code 5 when the signatures that are asked for are not there.");
  command->callback([&exit_code, options] {
    exit_code = run_with_registry([&](auto& io, const auto& stop) -> Result<int> {
      const signature::Policy policy = BERTH_TRY(policy_of(*options));
      const Verified seen =
          BERTH_TRY(is_in_registry(options->target) ? verify_in_registry(*options, policy, io, stop)
                                                    : verify_file(*options, policy));
      return print(*options, policy, seen);
    });
  });
}

}  // namespace berth::cli
