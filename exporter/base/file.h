// Files that an operator names. These calls block: on the loop, run them on a BlockingPool.
#pragma once

#include <cstddef>
#include <string>
#include <system_error>

namespace pgtls {

// The content of `path`. Throws std::system_error (errno), and Error for more than `max_bytes` or what is no regular
// file (a FIFO would hang, a device has no end).
std::string ReadFile(const std::string& path, std::size_t max_bytes);

// A password: the file's content without one trailing line end (LF or CRLF). At most 4,096 bytes.
std::string ReadPasswordFile(const std::string& path);

// What an errno says of a file or directory: missing, permission_denied, unreadable.
std::string ProblemOf(const std::error_code& error);

}  // namespace pgtls
