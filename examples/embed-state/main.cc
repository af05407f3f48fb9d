// A program with a state store in it: the store is a component, and nothing listens.
//   embed_state examples/embed-state/berth.yaml
#include <berth/host.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: embed_state MANIFEST\n", stderr);
    return 2;
  }
  const auto host = berth::Host::start(argv[1]);
  if (!host) {
    std::fprintf(stderr, "%s\n", host.error().to_string().c_str());
    return 1;
  }
  const auto run = [&]() -> berth::Result<void> {
    const berth::StateStore cart = BERTH_TRY((*host)->state_store("cart"));
    const std::string etag = BERTH_TRY(cart.set("apples", "3"));
    BERTH_TRY(cart.set("apples", "4", berth::StateCondition::if_etag(etag)));
    const auto lost = cart.set("apples", "5", berth::StateCondition::if_etag(etag));
    std::printf("a write with the old ETag: %s\n", lost ? "done" : lost.error().message().c_str());
    const auto apples = BERTH_TRY(cart.get("apples"));
    std::printf("apples: %s\n", apples ? apples->value.c_str() : "none");
    return {};
  };
  if (const auto done = run(); !done) {
    std::fprintf(stderr, "%s\n", done.error().to_string().c_str());
    return 1;
  }
  return 0;
}
