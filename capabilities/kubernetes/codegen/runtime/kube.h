// Second part: objects, and lists of them over berth:kubernetes/reading. wit-bindgen's header of the world
// stands before it.
namespace kube {

// One object, with its text. Moves keep views of it valid.
class Object {
 public:
  explicit Object(wit::vector<std::uint8_t> bytes) : bytes_(std::move(bytes)) {}

  [[nodiscard]] View view() const {
    return View({reinterpret_cast<const char*>(bytes_.data()), bytes_.size()});
  }
  [[nodiscard]] View at(std::string_view key) const { return view().at(key); }
  [[nodiscard]] Metadata metadata() const { return Metadata(at("metadata")); }
  // Takes the text away, to put it into a record without a copy.
  [[nodiscard]] wit::vector<std::uint8_t> take() && { return std::move(bytes_); }

 private:
  wit::vector<std::uint8_t> bytes_;
};

namespace api = ::berth::kubernetes::reading;
using Error = ::berth::kubernetes::types::Error;
template <class T>
using Result = std::expected<T, Error>;

// For a person.
inline std::string text_of(const Error& error) {
  if (const auto* status = std::get_if<Error::Status>(&error.variants))
    return status->value.message.to_string();
  if (const auto* denied = std::get_if<Error::Denied>(&error.variants)) return denied->value.to_string();
  if (const auto* invalid = std::get_if<Error::Invalid>(&error.variants)) return invalid->value.to_string();
  if (const auto* gone = std::get_if<Error::Unavailable>(&error.variants)) return gone->value.to_string();
  return std::get<Error::TooLarge>(error.variants).value.to_string();
}
// The API's HTTP status; 0: it did not answer.
inline int status_of(const Error& error) {
  const auto* status = std::get_if<Error::Status>(&error.variants);
  return status ? status->value.code : 0;
}

// What of a kind is wanted; empty: all.
struct Where {
  std::string_view namespace_ = {};
  std::string_view labels = {};  // "app in (a, b)"
  std::string_view fields = {};  // "status.phase=Running"
};

// The objects of one kind, as they come: `for (auto& pod : client.pods().list())`. One loop; then look at
// error().
template <class T>
class Objects {
 public:
  explicit Objects(api::Listing listing) : listing_(std::move(listing)) {}

  class Iterator {
   public:
    explicit Iterator(Objects* all) : all_(all) {}
    T& operator*() const { return *all_->now_; }
    T* operator->() const { return &*all_->now_; }
    Iterator& operator++() {
      if (!all_->advance()) all_ = nullptr;
      return *this;
    }
    bool operator==(const Iterator& other) const { return all_ == other.all_; }

   private:
    Objects* all_;
  };
  [[nodiscard]] Iterator begin() { return Iterator(advance() ? this : nullptr); }
  [[nodiscard]] Iterator end() { return Iterator(nullptr); }
  // Why the loop ended early; none: it had all.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  bool advance() {
    while (at_ == page_.size()) {
      auto page = listing_.Next();
      if (!page) {
        error_.emplace(std::move(page.error()));
        return false;
      }
      if (page->empty()) return false;
      page_ = std::move(*page);
      at_ = 0;
    }
    now_.emplace(std::move(page_[at_++].object));
    return true;
  }

  api::Listing listing_;
  wit::vector<::berth::kubernetes::types::Item> page_;
  std::size_t at_ = 0;
  std::optional<T> now_;
  std::optional<Error> error_;
};

// One kind of object; the core group is "".
template <class T>
class Kind {
 public:
  Kind(std::string_view group, std::string_view version, std::string_view plural)
      : group_(group), version_(version), plural_(plural) {}

  [[nodiscard]] Objects<T> list(Where where = {}) const {
    return Objects<T>(
        api::Listing(type(), some(where.namespace_),
                     {wit::string::from_view(where.labels), wit::string::from_view(where.fields)}));
  }
  // No namespace: a cluster-scoped object.
  [[nodiscard]] Result<T> get(std::string_view name, std::string_view namespace_ = {}) const {
    std::optional<wit::string> in;
    if (!namespace_.empty()) in.emplace(wit::string::from_view(namespace_));
    auto bytes = api::Get({type(), std::move(in), wit::string::from_view(name), std::nullopt});
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    return T(std::move(*bytes));
  }

 private:
  [[nodiscard]] ::berth::kubernetes::types::ResourceType type() const {
    return {wit::string::from_view(group_), wit::string::from_view(version_),
            wit::string::from_view(plural_)};
  }
  static std::optional<std::string_view> some(std::string_view text) {
    return text.empty() ? std::nullopt : std::optional(text);
  }

  std::string_view group_, version_, plural_;  // literals
};

}  // namespace kube
