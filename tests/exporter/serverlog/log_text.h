// Reads whole logs for tests, and shows as text what they say.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/serverlog/connections.h"
#include "exporter/serverlog/csv_format.h"
#include "exporter/serverlog/json_format.h"
#include "exporter/serverlog/split.h"
#include "exporter/serverlog/stderr_format.h"

namespace pgtls::serverlog {

struct ReadLog {
  LoggedEvents events;
  std::size_t ambiguous = 0;
  std::size_t malformed = 0;
};

struct ParsedRecord {
  std::optional<Record> record;
  bool ambiguous = false;
  bool malformed = false;
};

inline ParsedRecord ParseAny(Format format, std::string_view raw, const LinePrefix& prefix) {
  if (format == Format::kStderr) {
    StderrRecord read = ParseStderr(raw, prefix);
    return {std::move(read.record), read.ambiguous, false};
  }
  auto record = format == Format::kJson ? ParseJson(raw) : ParseCsv(raw);
  const bool malformed = !record;
  return {std::move(record), false, malformed};
}

// Of one piece.
inline ReadLog ReadWhole(Format format, std::string_view text, std::string_view log_line_prefix = "") {
  const LinePrefix prefix(log_line_prefix);
  ConnectionReader reader;
  ReadLog log;
  for (const std::string_view raw : SplitRecords(format, text, Inside::kNothing, true).records) {
    if (!MayBeAboutConnection(raw)) continue;
    const ParsedRecord parsed = ParseAny(format, raw, prefix);
    log.ambiguous += parsed.ambiguous ? 1 : 0;
    log.malformed += parsed.malformed ? 1 : 0;
    if (parsed.record) reader.Read(*parsed.record, log.events);
  }
  return log;
}

// The records that pieces of `size` bytes have, as a source of a Follower reads them.
inline std::vector<std::string> RecordsOfPieces(Format format, std::string_view text, std::size_t size) {
  std::vector<std::string> records;
  std::size_t at = 0;
  Inside inside = Inside::kNothing;
  for (;;) {
    const std::string_view piece = text.substr(at, size);
    const bool at_end = at + piece.size() == text.size();
    const Split split = SplitRecords(format, piece, inside, at_end);
    records.insert(records.end(), split.records.begin(), split.records.end());
    if (at_end) return records;
    at += split.end;
    inside = split.inside;
  }
}

inline std::string Shown(const Connection& connection) {
  const std::string port = connection.port ? ":port" : "";
  return fmt::format("{}{}{}", connection.pid == 0 ? "" : "pid ", connection.host, port);
}

inline std::string Shown(const Authenticated& rule) {
  return fmt::format("{} {}:{}", rule.method, rule.file, rule.line);
}

// One line for each event; ports and pids only as whether they are known.
inline std::string Shown(const ReadLog& log) {
  constexpr std::string_view kEncryptions[] = {"none", "tls", "gss"};
  const auto encryption = [&](Encryption said) { return kEncryptions[static_cast<std::size_t>(said)]; };
  std::string text;
  for (const LoggedSession& session : log.events.sessions) {
    text += fmt::format("session [{}] [{}] [{}] {}{}{} from {} by {}\n", session.connection.user,
                        session.connection.database, session.application_name, encryption(session.said),
                        session.certain ? "" : " uncertain",
                        !session.names_certain        ? " names-uncertain"
                        : session.application_certain ? ""
                                                      : " application-uncertain",
                        Shown(session.connection), session.rule ? Shown(*session.rule) : "unknown");
  }
  for (const LoggedAuthentication& authentication : log.events.authentications)
    text += fmt::format("authentication {} from {}\n", Shown(authentication.rule), Shown(authentication.connection));
  for (const LoggedRejection& rejection : log.events.rejections) {
    text += fmt::format("{} [{}] [{}] {} from {}\n", rejection.no_entry ? "no entry" : "rejection",
                        rejection.connection.user, rejection.connection.database, encryption(rejection.encryption),
                        Shown(rejection.connection));
  }
  for (const LoggedHandshakeFailure& failure : log.events.handshake_failures)
    text += fmt::format("handshake failure {} from {}\n", failure.reason, Shown(failure.connection));
  return text + fmt::format("ambiguous {}, malformed {}\n", log.ambiguous, log.malformed);
}

}  // namespace pgtls::serverlog
