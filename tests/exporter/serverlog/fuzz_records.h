// What holds for the records of any text, whatever its format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "exporter/serverlog/connections.h"
#include "exporter/serverlog/message.h"
#include "tests/exporter/serverlog/log_text.h"

namespace pgtls::serverlog {

inline void Expect(bool holds) {
  if (!holds) std::abort();
}

// A claim that only the server can have made is at the end of the message, and behind no application name.
inline void ExpectServersText(const Record& record) {
  const Message message = ParseMessage(record);
  if (std::holds_alternative<std::monostate>(message)) return;
  Expect(!record.has_context);
  Expect(BeginsConnectionMessage(record.message));
  Expect(record.severity == (std::holds_alternative<Rejected>(message) ? "FATAL" : "LOG"));
  const auto* authorized = std::get_if<Authorized>(&message);
  if (authorized == nullptr || authorized->said == Encryption::kNone || !authorized->certain) return;
  Expect(record.message.ends_with(')') && authorized->application_name.empty() && !authorized->doubtful);
  const bool tls = authorized->said == Encryption::kTls;
  const auto suffix = record.message.rfind(tls ? " SSL enabled (protocol=" : " GSS (authenticated=");
  Expect(suffix != std::string::npos);
  // The names take up all that is before it.
  const std::string names = record.message.substr(0, suffix);
  Expect(names.ends_with("=" + (authorized->database.empty() ? authorized->user : authorized->database)));
  Expect(authorized->user.size() + authorized->database.size() < names.size());
}

// Pieces of `size` bytes have the records that the whole has, as far as these fit into a piece.
inline void ExpectSameRecords(Format format, std::string_view text, std::size_t size) {
  const std::vector<std::string> whole = RecordsOfPieces(format, text, text.size());
  std::size_t rest = text.size();
  for (const std::string& record : whole) {
    if (2 * record.size() > size) return;
    rest -= record.size();
  }
  if (2 * rest > size) return;
  Expect(RecordsOfPieces(format, text, size) == whole);
}

// The first two bytes of the input are the size of the pieces.
inline int FuzzRecords(Format format, const std::uint8_t* data, std::size_t size, const LinePrefix& prefix) {
  if (size < 2) return 0;
  const std::size_t piece = data[0] + 256U * data[1] + 1;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  ExpectSameRecords(format, text, piece);
  const Split split = SplitRecords(format, text, Inside::kNothing, true);
  Expect(split.end <= text.size());
  ConnectionReader reader;
  LoggedEvents events;
  for (const std::string_view raw : split.records) {
    Expect(!raw.empty() && raw.ends_with('\n'));
    const ParsedRecord parsed = ParseAny(format, raw, prefix);
    if (!parsed.record) continue;
    ExpectServersText(*parsed.record);
    reader.Read(*parsed.record, events);
  }
  for (const LoggedSession& session : events.sessions) {
    // An application name is never followed by a certain claim.
    Expect(session.said == Encryption::kNone || !session.certain || session.application_name.empty());
  }
  return 0;
}

}  // namespace pgtls::serverlog
