// What a command prints. A result that could not be written is a failure of the command.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace pgtls {

// what() names the place and the reason.
class OutputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Returns the next piece of a text, and an empty one at its end. A piece lives until the next call.
using Pieces = std::function<std::string_view()>;

// Writes to standard output. Throws OutputError. REQUIRES: SIGPIPE is ignored.
void Print(std::string_view text);
void Print(const Pieces& pieces);

// Replaces the file at `path`, or creates it, with mode 0644: readers see the old content or the whole new one. Follows
// a symbolic link; writes into what is no regular file (a pipe, /dev/stdout). Throws OutputError, and the old content
// stays.
void ReplaceFile(const std::string& path, const Pieces& pieces);

}  // namespace pgtls
