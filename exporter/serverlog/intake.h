// From the bytes of a log to counts: what each record says, checked against what else is known of its session.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string_view>

#include "exporter/serverlog/connections.h"
#include "exporter/serverlog/counts.h"
#include "exporter/serverlog/stderr_format.h"
#include "exporter/serverlog/verdict.h"
#include "exporter/sessions/exemptions.h"

namespace pgtls::serverlog {

using ServerTime = std::chrono::sys_time<std::chrono::milliseconds>;

// What the records are judged by. The functions are called before Take() and CheckSamples() return.
struct Knowledge {
  const LinePrefix& prefix;
  std::chrono::seconds utc_offset{0};  // of log_timezone
  ServerTime now;                      // by the server's clock, at limits.now
  const sessions::Exemptions& exemptions;
  CountLimits limits;
  // Whether it is a connection of the exporter, which is not counted. `at`: when the record was written, if known.
  std::function<bool(const Connection& connection, std::optional<ServerTime> at)> is_own;
  // Evidence::rule and Evidence::sampled.
  std::function<std::optional<Encryption>(const Authenticated& rule, std::optional<ServerTime> at)> by_rule;
  std::function<std::optional<Encryption>(const Connection& connection, std::optional<ServerTime> at)> by_sample;
};

// Not thread-safe.
class Intake {
 public:
  // Whole records of one format.
  void Take(Format format, std::string_view records, const Knowledge& knowledge);
  // Looks for the sessions of the last half minute in the newest sample. A session whose record may be forged counts
  // when it is found there, or when this time is over.
  void CheckSamples(const Knowledge& knowledge);
  // Records may be lost before those that come next.
  void CountGap(SteadyTime now);
  // Records could not be told from other text.
  void SetAmbiguous(SteadyTime now) { ambiguous_ = now; }

  Counts& counts() { return counts_; }
  std::optional<ServerTime> last_record() const { return last_record_; }
  // The last time that a record could not be read, and that one could not be told from other text.
  std::optional<SteadyTime> malformed() const { return malformed_; }
  std::optional<SteadyTime> ambiguous() const { return ambiguous_; }
  std::optional<SteadyTime> gap() const { return gap_; }
  // The last time that a session could not be counted because the log does not say where it came from.
  std::optional<SteadyTime> without_address() const { return without_address_; }

 private:
  // A session that was not yet found in a sample.
  struct Waiting {
    LoggedSession session;
    std::optional<ServerTime> at;
    std::optional<Encryption> rule;  // Evidence::rule
    bool counted;
    SteadyTime until;
  };
  static constexpr std::chrono::seconds kWait{30};
  static constexpr std::size_t kMostWaiting = 2000;

  std::optional<Record> Parse(Format format, std::string_view raw, const Knowledge& knowledge);
  void Count(const LoggedEvents& events, const Knowledge& knowledge);
  void CountSession(const LoggedSession& session, const Knowledge& knowledge);
  void Finish(const Waiting& waiting, const Verdict& verdict, const Knowledge& knowledge);

  ConnectionReader reader_;
  Counts counts_;
  std::deque<Waiting> waiting_;
  std::optional<ServerTime> last_record_;
  std::optional<SteadyTime> malformed_;
  std::optional<SteadyTime> ambiguous_;
  std::optional<SteadyTime> gap_;
  std::optional<SteadyTime> without_address_;
};

}  // namespace pgtls::serverlog
