// The server's plain log: lines that begin with log_line_prefix, a severity, ":" and two spaces. Further lines of a
// message begin with a tab; DETAIL, HINT, CONTEXT and STATEMENT have lines of their own.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "exporter/serverlog/line_prefix.h"
#include "exporter/serverlog/record.h"

namespace pgtls::serverlog {

// How a line of the log begins a record, continues one, or neither.
enum class LineKind : std::uint8_t { kRecord, kContinuation, kOther };
LineKind KindOf(std::string_view line);

struct StderrRecord {
  std::optional<Record> record;
  // Whether it may hide a connection's record, or be none although it reads as one: a name that looks like a severity
  // or has newlines, or a query that looks like a record.
  bool ambiguous = false;
};

// `raw` is a line with its continuations.
StderrRecord ParseStderr(std::string_view raw, const LinePrefix& prefix);

}  // namespace pgtls::serverlog
