// Hard maximums of the net room, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>

namespace berth::net {

// A request line with its headers. Twice what common servers accept (8 KiB), for long cookies and keys.
inline constexpr std::size_t kMaxHeaderBytes = 16 * 1024;
// Headers of one request. A flood of tiny headers costs more than their bytes.
inline constexpr std::size_t kMaxHeaders = 100;
// A request body unless the server's options say otherwise: Dapr's own default for one request.
inline constexpr std::size_t kDefaultMaxBodyBytes = 4 * 1024 * 1024;
// Framing of chunked bodies (chunk sizes, extensions, trailers) that may be waiting for its end.
inline constexpr std::size_t kMaxChunkFramingBytes = kMaxHeaderBytes;
// Connections served at once unless the options say otherwise. An idle one costs about 10 KiB.
inline constexpr std::size_t kDefaultMaxConnections = 4096;
// Connections beyond the maximum that may be waiting to read their 503; further ones are closed at once.
inline constexpr std::size_t kMaxRejectedConnections = 64;
// Answers of pipelined requests gathered before they are written: one full TCP window's worth.
inline constexpr std::size_t kFlushBytes = 64 * 1024;
// First size of a connection's read buffer, and the size it returns to after a large request.
inline constexpr std::size_t kReadBufferBytes = 8 * 1024;
// How long a closing connection is read to its end, so that its last answer is not lost to a reset.
inline constexpr std::chrono::milliseconds kLingerTimeout{2000};
// Threads of one IoContext: more than any machine this runs on has cores for.
inline constexpr int kMaxIoThreads = 256;
// Rules of one address policy: each is tried for each connection.
inline constexpr std::size_t kMaxAddressRules = 256;
// Connections one client keeps open; each costs two file descriptors' worth of kernel buffers.
inline constexpr std::size_t kMaxClientConnections = 64;
// The head of a response, with interim answers and trailers: four times what servers send with long
// cookies and policies; more is a flood.
inline constexpr std::size_t kMaxResponseHeadBytes = 64 * 1024;
// Fields of one response, for the same reason.
inline constexpr std::size_t kMaxResponseFields = 256;
// A URL: what servers and proxies accept in a request line, signed storage URLs (2 KiB) included.
inline constexpr std::size_t kMaxUrlBytes = 8 * 1024;
// A server cannot put off the next request by more than this.
inline constexpr std::chrono::hours kMaxRetryAfter{24};

}  // namespace berth::net
