// A piece of a log file as its whole records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "exporter/serverlog/record.h"

namespace pgtls::serverlog {

// Where in a file a piece begins: at a record, or within one that is too large for a piece and is left out.
enum class Inside : std::uint8_t {
  kNothing = 0,
  kRecord = 1,
  kQuotes = 2,  // csvlog: within quotes, where a newline ends no record
};

struct Split {
  std::vector<std::string_view> records;  // with their last newline
  std::size_t end = 0;                    // where the next piece begins
  Inside inside = Inside::kNothing;       // … and within what
};

// `at_end`: the piece ends where the file does now. Otherwise the last record may go on behind the piece, and is left
// to the next one.
Split SplitRecords(Format format, std::string_view piece, Inside inside, bool at_end);

}  // namespace pgtls::serverlog
