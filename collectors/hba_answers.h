// What the hba collector asks a server, and the answers as they came.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "exporter/base/deadline.h"
#include "exporter/base/digest.h"
#include "exporter/db/session.h"
#include "exporter/hba/evaluator.h"

namespace pgtls::collectors {

// What the role may use.
struct HbaAccess {
  bool rules_function = false;
  bool files_function = false;
  bool superuser = false;
  bool rules_view = false;
  bool sees_stats = false;
  bool ident_function = false;

  bool sees_rules() const { return rules_function || rules_view || superuser; }
  bool sees_raw_text() const { return rules_function || superuser; }
  bool sees_files() const { return files_function || superuser; }
  // Where the server has a view of pg_ident.conf.
  bool sees_maps() const { return ident_function || superuser; }
  friend bool operator==(const HbaAccess&, const HbaAccess&) = default;
};

// Each is absent where the access does not allow it.
struct HbaAnswers {
  HbaAccess access;
  double load_time = 0;                  // pg_conf_load_time(), seconds since the epoch by the server's clock
  double now = 0;                        // of the question, by the same clock
  std::int64_t postmaster_start_us = 0;  // by the same clock; identifies the server
  hba::Abilities abilities;
  std::string hba_file;  // the setting; empty where the role may not see it
  std::optional<db::Answer> rules;
  std::optional<db::Answer> files;
  std::optional<db::Answer> catalog;
  std::optional<db::Answer> maps;

  // Of all but `now`. nullopt where something was not answered.
  std::optional<Digest> digest() const;
};

// The first server with a view of pg_ident.conf.
inline constexpr int kFirstVersionWithMaps = 150000;
// Of pg_ident.conf, with the rows of its files. One more is asked for.
inline constexpr std::size_t kMaxIdentLines = 10'000;

// Roles, memberships and databases together; some megabytes. One more is asked for.
inline constexpr std::size_t kMaxHbaCatalog = 100'000;

// On a fresh session. In one round trip where the access is as `expected`, which may be absent: not known. Throws
// DbError and TimeoutError.
asio::awaitable<HbaAnswers> AskHba(db::Session& session, std::optional<HbaAccess> expected, Deadline deadline);

// The rules once more, by the view: without the lines' own text. `answers` has them, and the times of the files anew,
// in place of what it had: those may not be older than the rules.
asio::awaitable<void> AskHbaView(db::Session& session, HbaAnswers& answers, Deadline deadline);

}  // namespace pgtls::collectors
