// ComponentGatherers: generated types to the application's and back.
#include "applications/gather/native/component_gatherers.h"

#include <bindings/gather_bindings.h>

#include <utility>

#include "applications/gather/native/gatherer.h"
#include "applications/gather/native/limits.h"

namespace berth::gather {

namespace {

namespace wit = berth::gather::bindings::berth::gather;

static_assert(wit::GatherersExport::kWitName == kGatherersInterface);

// What the guest holds. As its instance: one call at a time.
class OutputHandle final : public wit::records::Output {
 public:
  explicit OutputHandle(std::shared_ptr<::berth::gather::Output> output) : output_(std::move(output)) {}

  Result<std::expected<void, wit::records::Refusal>> put(const wit::records::Item& item) override {
    using Wit = wit::records::Refusal;
    using Said = std::expected<void, Wit>;
    auto stored = BERTH_TRY(output_->put({.path = item.path,
                                          .content = item.content,
                                          .captured = item.captured,
                                          .always_stored = item.always_stored}));
    if (stored) return Said();
    if (stored.error().kind == ::berth::gather::Refusal::Kind::kInvalidPath)
      return Said(std::unexpect, Wit::InvalidPath{std::move(stored.error().text)});
    return Said(std::unexpect, Wit::Full{});
  }
  Result<void> warning(const std::optional<std::string>& path, std::string_view text) override {
    return output_->warning(path, text);
  }
  Result<void> error(const std::optional<std::string>& path, std::string_view text) override {
    return output_->error(path, text);
  }

 private:
  std::shared_ptr<::berth::gather::Output> output_;
};

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
             std::string_view::npos;
}

// A component says what it holds; what is not within bounds is the component's error.
Result<std::vector<Description>> checked(std::vector<wit::gatherers::Description> told) {
  const auto wrong = [](const std::string& why) { return fail(Code::kGuestError, "list: " + why); };
  if (told.size() > kMaxGatherers) return wrong("more than 256 gatherers in one component");
  std::vector<Description> out;
  out.reserve(told.size());
  for (auto& description : told) {
    if (!is_name(description.name)) return wrong("a gatherer's name has 1 to 100 letters, digits, - and _");
    for (const Description& other : out) {
      if (other.name == description.name) return wrong("two gatherers have the name " + description.name);
    }
    if (description.records.size() > kMaxRecordDescriptions)
      return wrong(description.name + " describes more than 256 records");
    std::size_t bytes = description.text.size();
    Description& one = out.emplace_back(Description{.name = std::move(description.name),
                                                    .text = std::move(description.text),
                                                    .records = {},
                                                    .by_rule = description.by_rule});
    for (auto& record : description.records) {
      bytes += record.path.size() + record.text.size();
      one.records.push_back({std::move(record.path), std::move(record.text)});
    }
    if (bytes > kMaxDescriptionBytes)
      return wrong("the description of " + one.name + " has more than 64 KiB");
  }
  return out;
}

// As its instance: one call at a time.
class ComponentGatherers final : public Gatherers {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Gatherers>> create(abi::Instance& instance) {
    return std::unique_ptr<Gatherers>(
        new ComponentGatherers(BERTH_TRY(wit::GatherersExport::create(instance)), instance.pre().is_async()));
  }

  Task<Result<std::vector<Description>>> list() override {
    auto told = waits_ ? co_await exports_.list_async() : exports_.list();
    if (!told) co_return std::unexpected(std::move(told).error());
    co_return checked(*std::move(told));
  }

  Task<Result<std::expected<void, std::string>>> gather(std::string name, std::string parameters,
                                                        Budget budget,
                                                        std::shared_ptr<Output> output) override {
    const wit::gatherers::Budget told{.time_ms = static_cast<std::uint32_t>(budget.time.count()),
                                      .bytes = budget.bytes};
    auto handle = std::make_unique<OutputHandle>(std::move(output));
    if (waits_) {
      co_return co_await exports_.gather_async(std::move(name), std::move(parameters), told,
                                               std::move(handle));
    }
    co_return exports_.gather(name, parameters, told, std::move(handle));
  }

 private:
  ComponentGatherers(wit::GatherersExport exports, bool waits) : exports_(exports), waits_(waits) {}

  wit::GatherersExport exports_;
  const bool waits_;  // the component may wait in host functions: its calls need a fibre
};

// Its functions are those of the handles: there is nothing to keep for an instance. Immutable.
class NoState final : public wit::Records {};

class RecordsGrant final : public host::Grant {
 public:
  [[nodiscard]] std::string_view capability() const override { return "gather"; }
  [[nodiscard]] bool covers(std::string_view interface) const override {
    return interface == wit::Records::kWitName;
  }
  [[nodiscard]] Result<void> link(abi::Linker& linker) const override {
    return wit::Records::add_to_linker(linker,
                                       [this](abi::InstanceState&) -> wit::Records* { return &none_; });
  }
  // An output belongs to a call, and a shadow is given none.
  [[nodiscard]] std::shared_ptr<const host::Grant> shadow() const override { return records_grant(); }

 private:
  mutable NoState none_;
};

}  // namespace

host::Binder gatherers_binder() {
  return host::bind_as<Gatherers>(wit::GatherersExport::check, ComponentGatherers::create);
}

std::shared_ptr<const host::Grant> records_grant() { return std::make_shared<RecordsGrant>(); }

}  // namespace berth::gather
