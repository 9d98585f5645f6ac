// log_line_prefix of the server's plain log (src/backend/utils/error/elog.c, log_status_format).
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "exporter/serverlog/record.h"

namespace pgtls::serverlog {

// Names in a prefix can have any character, and are written as they are.
class LinePrefix {
 public:
  explicit LinePrefix(std::string_view log_line_prefix);

  // Whether it has what identifies a session's records: the pid or the session id.
  bool identifies_session() const;
  bool has_time() const;
  // Whether texts that a client chooses are in it.
  bool has_names() const;
  // Sets the fields of a session's record. False: `text` is not this prefix, or can be read as it in more than one way.
  // Time and memory: the product of both lengths.
  bool Read(std::string_view text, Record& record) const;

 private:
  struct Part {
    char escape = 0;  // 0: the character `literal`
    char literal = 0;
    std::size_t width = 0;  // of the padding, in characters
  };

  bool Has(std::string_view escapes) const;

  std::vector<Part> parts_;
};

}  // namespace pgtls::serverlog
