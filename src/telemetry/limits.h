// Hard maxima of telemetry: what one record, one metric family or one guest can make the host hold.
#pragma once

#include <chrono>
#include <cstddef>

namespace berth::telemetry {

// Log records. Guests write logs, so each part of a record is cut, never refused: a log line about a
// failure must not itself fail.

// A message: fits a long stack trace line, and 10,000 of them stay under 100 MiB of disk.
inline constexpr std::size_t kMaxMessageBytes = 8 * 1024;
// One field's value: a URL or an error message; longer data belongs in the message.
inline constexpr std::size_t kMaxFieldBytes = 2 * 1024;
// A field's key becomes a column name in log stores, which commonly stop at 64.
inline constexpr std::size_t kMaxKeyBytes = 64;
// More fields than this are counted in the record and dropped.
inline constexpr std::size_t kMaxFields = 32;

// The ring behind `berth logs`: a few screens, at a fixed price in memory.
inline constexpr std::size_t kMaxRingRecords = 1000;
inline constexpr std::size_t kMaxRingBytes = 1024 * 1024;

// Shorter secrets would cut ordinary words out of every record.
inline constexpr std::size_t kMinSecretBytes = 4;
// A private key in PEM is about 3 KiB.
inline constexpr std::size_t kMaxSecretBytes = 16 * 1024;
// Each byte of a record is compared with the secrets that begin with it.
inline constexpr std::size_t kMaxSecrets = 256;

// Metrics.

// Series of one family. A scrape costs about 100 bytes a line: 1,000 histograms of 20 buckets are 2 MB.
inline constexpr std::size_t kMaxSeriesPerFamily = 1000;
// Families of one registry: ours are about ten, each guest may add some.
inline constexpr std::size_t kMaxFamilies = 1000;
inline constexpr std::size_t kMaxLabels = 16;
// Digests are 71 bytes ("sha256:" and 64); a longer label value is cut.
inline constexpr std::size_t kMaxLabelValueBytes = 128;
inline constexpr std::size_t kMaxMetricNameBytes = 128;
inline constexpr std::size_t kMaxHelpBytes = 512;
inline constexpr std::size_t kMaxBuckets = 64;
// A series nobody holds any more is still shown this long, so that a scraper sees its last value.
inline constexpr std::chrono::minutes kIdleSeriesAge{5};

}  // namespace berth::telemetry
