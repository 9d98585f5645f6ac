#include "exporter/serverlog/split.h"

#include <utility>

#include "exporter/serverlog/stderr_format.h"

namespace pgtls::serverlog {
namespace {

// Where the text at `begin` ends, with the newline that ends a record. npos: not in this piece; `quoted` is then
// whether the piece ends within quotes.
std::size_t EndOfCsv(std::string_view piece, std::size_t begin, bool& quoted) {
  for (std::size_t i = begin; i < piece.size(); ++i) {
    if (piece[i] == '"') quoted = !quoted;
    if (piece[i] == '\n' && !quoted) return i + 1;
  }
  return std::string_view::npos;
}

// Whether a record of csvlog begins at `begin`. Where the file was cut in the middle of one (copytruncate), or the
// exporter began to read there, quotes would be taken for their opposite from there on.
bool BeginsCsv(std::string_view piece, std::size_t begin) {
  constexpr std::size_t kTime = 19;
  return ParseLogTime(piece.substr(begin, kTime)).has_value();
}

std::size_t EndOfLine(std::string_view piece, std::size_t begin) {
  const auto newline = piece.find('\n', begin);
  return newline == std::string_view::npos ? newline : newline + 1;
}

// The piece cut at the ends of lines, or of csvlog's records. `rest` is where the last, unfinished one begins.
struct Cut {
  std::vector<std::string_view> parts;
  std::size_t rest = 0;
  bool quoted = false;  // at the end of the piece
};

Cut CutPiece(Format format, std::string_view piece, Inside inside) {
  Cut cut;
  cut.quoted = inside == Inside::kQuotes;
  bool begins_within = inside != Inside::kNothing;
  while (cut.rest < piece.size()) {
    const bool to_quotes = format == Format::kCsv && (begins_within || BeginsCsv(piece, cut.rest));
    const std::size_t end = to_quotes ? EndOfCsv(piece, cut.rest, cut.quoted) : EndOfLine(piece, cut.rest);
    begins_within = false;
    if (end == std::string_view::npos) break;
    cut.parts.push_back(piece.substr(cut.rest, end - cut.rest));
    cut.rest = end;
  }
  return cut;
}

// The lines of the plain log, each with those that continue it. Lines that continue a record of an earlier piece come
// first, and are none.
std::vector<std::string_view> Grouped(const std::vector<std::string_view>& lines) {
  std::vector<std::string_view> records;
  for (const std::string_view line : lines) {
    if (KindOf(line) == LineKind::kContinuation && !records.empty()) {
      const std::string_view last = records.back();
      records.back() = std::string_view(last.data(), last.size() + line.size());
    } else {
      records.push_back(line);
    }
  }
  return records;
}

}  // namespace

Split SplitRecords(Format format, std::string_view piece, Inside inside, bool at_end) {
  Cut cut = CutPiece(format, piece, inside);
  if (cut.parts.empty()) {
    // Nothing whole: an unfinished record at the end of the file, or one that is larger than a piece.
    if (at_end) return {.records = {}, .end = 0, .inside = inside};
    return {.records = {}, .end = piece.size(), .inside = cut.quoted ? Inside::kQuotes : Inside::kRecord};
  }
  if (inside != Inside::kNothing) cut.parts.erase(cut.parts.begin());
  if (format != Format::kStderr) return {.records = std::move(cut.parts), .end = cut.rest};

  Split split{.records = Grouped(cut.parts), .end = cut.rest};
  if (at_end || split.records.empty()) return split;
  const auto last = static_cast<std::size_t>(split.records.back().data() - piece.data());
  // The unfinished line is the next record, and larger than the piece.
  const std::string_view unfinished = piece.substr(cut.rest);
  if (last == 0 && !unfinished.empty() && KindOf(unfinished) != LineKind::kContinuation) return split;
  split.records.pop_back();
  // One that fills the whole piece is no connection's, and what is left of it has nothing that begins a record.
  if (last > 0) split.end = last;
  return split;
}

}  // namespace pgtls::serverlog
