// The server's plain log: lines that begin with log_line_prefix, a severity, ":" and two spaces. Further lines of a
// message begin with a tab; DETAIL, HINT, CONTEXT and STATEMENT have lines of their own.
#pragma once

#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/serverlog/record.h"

namespace pgtls::serverlog {

// log_line_prefix (src/backend/utils/error/elog.c, log_status_format). Names in it can have any character, and are
// written as they are.
class LinePrefix {
 public:
  explicit LinePrefix(std::string_view log_line_prefix);

  // Whether it has what identifies a session's records: the pid or the session id.
  bool identifies_session() const { return identifies_session_; }
  bool has_time() const { return has_time_; }
  // Sets the fields of a session's record. False: `text` is not this prefix.
  bool Read(std::string_view text, Record& record) const;

 private:
  std::regex pattern_;
  std::vector<char> escapes_;  // of the pattern's groups
  bool identifies_session_ = false;
  bool has_time_ = false;
};

// How a line of the log begins a record, continues one, or neither.
enum class LineKind : std::uint8_t { kRecord, kContinuation, kOther };
LineKind KindOf(std::string_view line);

struct StderrRecord {
  std::optional<Record> record;
  // Whether it may be a connection's record although the line reads as another one: a name that looks like a severity,
  // or a query that looks like a record.
  bool ambiguous = false;
};

// `raw` is a line with its continuations.
StderrRecord ParseStderr(std::string_view raw, const LinePrefix& prefix);

}  // namespace pgtls::serverlog
