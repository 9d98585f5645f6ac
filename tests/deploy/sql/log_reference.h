// What log_records() has to return of a file: written once more, from the formats' definitions, without its methods.
#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "tests/deploy/sql/log_records.h"

namespace pgtls {

// The beginning of the message of a connection record, or "".
inline std::string FirstWords(const std::string& severity, const std::string& message) {
  static const std::vector<std::string> kLog = {
      "connection received: ", "connection authenticated: ", "connection authorized: ",
      "replication connection authorized: ", "could not accept SSL connection: "};
  static const std::vector<std::string> kFatal = {"pg_hba.conf rejects ", "no pg_hba.conf entry for "};
  for (const std::string& words : severity == "LOG"     ? kLog
                                  : severity == "FATAL" ? kFatal
                                                        : std::vector<std::string>{}) {
    if (message.starts_with(words)) return words;
  }
  return "";
}

// Bytes as characters of the same number, for a parser that refuses what is not UTF-8.
inline std::string Latin1(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      text += c;
    } else {
      text += static_cast<char>(0xc0 | (byte >> 6));
      text += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  return text;
}

inline std::vector<std::string> JsonRecords(const std::string& content) {
  static const std::vector<std::string> kKeys = {"timestamp",   "user",          "dbname",         "pid",
                                                 "remote_host", "remote_port",   "session_id",     "line_num",
                                                 "ps",          "session_start", "error_severity", "state_code",
                                                 "message",     "detail",        "hint",           "application_name",
                                                 "backend_type"};
  std::vector<std::string> records;
  for (const std::string& line : Lines(content)) {
    const auto whole = nlohmann::json::parse(Latin1(line));
    const std::string words = FirstWords(whole["error_severity"], whole["message"]);
    if (words.empty()) continue;
    nlohmann::json kept;
    for (const std::string& key : kKeys) {
      if (whole.contains(key)) kept[key] = whole[key];
    }
    if (whole.contains("context") || whole.contains("statement") || whole.contains("internal_query")) {
      kept["message"] = words;
      kept["context"] = "";
      kept.erase("detail");
      kept.erase("hint");
    }
    records.push_back(kept.dump());
  }
  return records;
}

// The columns of each record, with their quotes.
inline std::vector<std::vector<std::string>> CsvRows(const std::string& content) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row(1);
  bool quoted = false;
  for (const char c : content) {
    if (c == '"') quoted = !quoted;
    if (!quoted && c == ',') {
      row.emplace_back();
    } else if (!quoted && c == '\n') {
      rows.push_back(row);
      row.assign(1, "");
    } else {
      row.back() += c;
    }
  }
  return rows;
}

inline std::vector<std::string> CsvRecords(const std::string& content) {
  enum Column : std::size_t {
    kSeverity = 11,
    kMessage = 13,
    kDetail,
    kHint,
    kInternalQuery,
    kContext = 18,
    kQuery = 19,
    kLocation = 21
  };
  std::vector<std::string> records;
  for (std::vector<std::string> row : CsvRows(content)) {
    const std::string words =
        FirstWords(row.at(kSeverity), row.at(kMessage).substr(std::min<std::size_t>(1, row[kMessage].size())));
    if (words.empty()) continue;
    const bool marked = !row[kInternalQuery].empty() || !row[kContext].empty() || !row[kQuery].empty();
    for (std::size_t i = kInternalQuery; i <= kLocation; ++i) row[i] = "";
    if (marked) {
      row[kMessage] = "\"" + words + "\"";
      row[kDetail] = row[kHint] = "";
      row[kContext] = "\"x\"";
    }
    std::string record;
    for (const std::string& column : row) record += (record.empty() ? "" : ",") + column;
    records.push_back(record);
  }
  return records;
}

// With log_line_prefix = '%m [%p] '.
inline std::vector<std::string> StderrRecords(const std::string& content) {
  static const std::regex kLine(R"((\d{4}-\d\d-\d\d [0-9:.]+ UTC \[\d+\] )([A-Z0-9]+):  )");
  std::vector<std::string> records;
  std::string words, first, rest, marks;
  const auto finish = [&] {
    if (!words.empty())
      records.push_back(marks.empty() ? first + rest : first.substr(0, first.find(words)) + words + marks);
    words = first = rest = marks = "";
  };
  std::string part;
  for (const std::string& line : Lines(content)) {
    std::smatch match;
    const std::string beginning = line.substr(0, 100);
    if (std::regex_search(beginning, match, kLine, std::regex_constants::match_continuous)) {
      part = match[2];
      if (part == "DETAIL" || part == "HINT") {
        rest += "\n" + line;
      } else if (part == "CONTEXT" || part == "QUERY" || part == "STATEMENT") {
        marks += "\n" + match.str();
      } else if (part != "LOCATION" && part != "BACKTRACE") {
        finish();
        first = line;
        words = FirstWords(part, line.substr(match.str().size()));
      }
    } else if (part != "CONTEXT" && part != "QUERY" && part != "STATEMENT") {
      rest += "\n" + line;
    }
  }
  finish();
  return records;
}

// The same of a file of the server.
inline std::vector<std::string> Expected(const std::string& file, const std::string& content) {
  return file.ends_with(".json")  ? JsonRecords(content)
         : file.ends_with(".csv") ? CsvRecords(content)
                                  : StderrRecords(content);
}

// The records that the function returned, in the form of those above.
inline std::vector<std::string> Returned(const std::string& file, const std::string& records) {
  std::vector<std::string> result;
  if (file.ends_with(".json")) {
    for (const std::string& line : Lines(records)) result.push_back(nlohmann::json::parse(Latin1(line)).dump());
  } else if (file.ends_with(".csv")) {
    for (const auto& row : CsvRows(records)) {
      result.emplace_back();
      for (const std::string& column : row) result.back() += (result.back().empty() ? "" : ",") + column;
    }
  } else {
    for (const std::string& line : Lines(records)) {
      static const std::regex kFurther(
          R"((\d{4}-\d\d-\d\d [0-9:.]+ UTC \[\d+\] )(DETAIL|HINT|CONTEXT|QUERY|STATEMENT):  )");
      if (line.starts_with('\t') ||
          std::regex_search(line.substr(0, 100), kFurther, std::regex_constants::match_continuous)) {
        result.back() += "\n" + line;
      } else {
        result.push_back(line);
      }
    }
  }
  return result;
}

}  // namespace pgtls
