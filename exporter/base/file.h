// Files that an operator names. These calls block: on the loop, run them on a BlockingPool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace pgtls {

// Returns the content of `path`. Throws std::system_error (errno); throws Error if the file has more than `max_bytes`
// or is not a regular file (reading a FIFO would block, a device has no end).
std::string ReadFile(const std::string& path, std::size_t max_bytes);

struct FilePiece {
  std::string bytes;
  std::int64_t file_size = 0;
};

// Returns at most `most_bytes` of `path` from `offset` on; none behind its end. Throws like ReadFile().
FilePiece ReadFilePiece(const std::string& path, std::int64_t offset, std::size_t most_bytes);

// Replaces `path` by a file of mode 0600 with this content, as a whole or not at all. Throws std::system_error (errno).
void WriteFile(const std::string& path, const std::string& content);

// Returns the names in a directory, sorted. Throws std::system_error (errno).
std::vector<std::string> NamesIn(const std::string& directory);

// Returns a password: the file's content without one trailing line end (LF or CRLF). At most 4,096 bytes.
std::string ReadPasswordFile(const std::string& path);

// Returns a text that changes when the file does: when it is written to or replaced, or when a symbolic link on its
// path is switched. nullopt: the file cannot be seen.
std::optional<std::string> FileIdentity(const std::string& path);

// Returns the reason that an errno means for a file or directory: missing, permission_denied or unreadable.
std::string ProblemOf(const std::error_code& error);

}  // namespace pgtls
