// Hard maxima of what a registry, a token server or a credential helper can make us hold or wait for.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace berth::artifact::oci {

// A manifest or index: what the distribution specification asks registries to accept at least.
inline constexpr std::size_t kMaxManifestBytes = std::size_t{4} << 20;
// A config holds names of imports and exports; the largest worlds known have some hundred.
inline constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20;
// A layer unless the caller says otherwise: as artifact::kMaxArtifactBytes, what could be loaded at all.
inline constexpr std::uint64_t kMaxLayerBytes = std::uint64_t{256} << 20;
// One page of tags or referrers.
inline constexpr std::size_t kMaxPageBytes = std::size_t{4} << 20;
// An answer that is an error: it is only shown, and cut for that.
inline constexpr std::size_t kMaxErrorBytes = std::size_t{64} << 10;
inline constexpr std::size_t kMaxShownErrors = 3;
inline constexpr std::size_t kMaxShownErrorBytes = 300;

// JSON of others. Manifests nest five deep.
inline constexpr std::size_t kMaxJsonDepth = 32;
// Values and keys in one document; each is some 50-100 bytes in memory.
inline constexpr std::size_t kMaxJsonValues = 200'000;

// Entries of one index. A wasm artifact has one manifest; an image for every platform has about twenty.
inline constexpr std::size_t kMaxIndexEntries = 1000;
// Indexes inside indexes: one is usual.
inline constexpr int kMaxIndexDepth = 4;
// Layers of a manifest that is copied. A wasm artifact has one.
inline constexpr std::size_t kMaxLayers = 128;
// Annotations of one object; a signature's certificate chain is in one of them.
inline constexpr std::size_t kMaxAnnotations = 256;
// Imports or exports in a config.
inline constexpr std::size_t kMaxWorldNames = 10'000;

// WWW-Authenticate of one answer.
inline constexpr std::size_t kMaxChallengeBytes = 8 * 1024;
inline constexpr std::size_t kMaxChallenges = 8;
inline constexpr std::size_t kMaxChallengeParameters = 16;
inline constexpr std::size_t kMaxLinkBytes = 8 * 1024;
// A token goes into a header, and servers bound those to 8 or 16 KiB.
inline constexpr std::size_t kMaxTokenBytes = 16 * 1024;
inline constexpr std::size_t kMaxTokenAnswerBytes = 64 * 1024;
// A token without a lifetime lives for 60 s by the token specification; a longer one than this is asked for
// again, so that a revoked permission ends.
inline constexpr std::chrono::seconds kDefaultTokenLife{60};
inline constexpr std::chrono::seconds kMaxTokenLife{3600};
// Tokens kept by one client: one per registry, repository and set of actions.
inline constexpr std::size_t kMaxTokens = 64;

// Redirects of one download: a registry sends to its storage once.
inline constexpr int kMaxRedirects = 4;
// Tries of one request that was answered 429 or 5xx, or got no answer.
inline constexpr int kMaxTries = 4;
// First pause between tries without Retry-After; it doubles.
inline constexpr std::chrono::milliseconds kFirstPause{250};
// A Retry-After that is longer is not waited for, but reported.
inline constexpr std::chrono::seconds kMaxPause{30};
// Connections that may break during one blob; a server that sends a byte per connection ends here.
inline constexpr int kMaxResumes = 8;
// The time for one blob besides the minimum speed of net::HttpTimeouts.
inline constexpr std::chrono::minutes kBlobTimeout{30};

// Blobs above this are sent in chunks, so that a broken connection costs one chunk and not all.
inline constexpr std::uint64_t kMonolithicBytes = std::uint64_t{16} << 20;
inline constexpr std::uint64_t kChunkBytes = std::uint64_t{8} << 20;
// Blobs up to this are sent inside the POST that would only begin an upload: one request less.
inline constexpr std::uint64_t kSinglePostBytes = 64 * 1024;

// Tags of one repository, and pages of tags or referrers.
inline constexpr std::size_t kMaxTags = 100'000;
inline constexpr std::size_t kMaxPages = 1000;
inline constexpr std::size_t kMaxReferrers = kMaxIndexEntries;

// docker's config.json.
inline constexpr std::size_t kMaxDockerConfigBytes = std::size_t{1} << 20;
// What a credential helper prints, and how long it may take (it may ask a cloud).
inline constexpr std::size_t kMaxHelperBytes = 64 * 1024;
inline constexpr std::chrono::seconds kHelperTime{30};

}  // namespace berth::artifact::oci
